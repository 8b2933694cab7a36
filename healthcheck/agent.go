package healthcheck

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// agentHeader is the field of an HTTP answer in which a server says which part of its
// weight it wants, in the words of HAProxy's agent-check.
const agentHeader = "X-Agent-Check"

// maxPercent is more than anybody asks for.
const maxPercent = 1000

// agentWords are those that stand for a part of the weight.
var agentWords = map[string]int{
	"up": 100, "ready": 100,
	"drain": 0, "maint": 0, "down": 0, "stopped": 0, "fail": 0, "failed": 0,
}

// hear takes what a server says of its load into a result.
func (r *Result) hear(header http.Header) {
	text := header.Get(agentHeader)
	if text == "" {
		return
	}
	percent, err := parseAgent(text)
	if err != nil {
		r.Warning = agentHeader + ": " + err.Error()
		return
	}
	r.Weight, r.Weighted, r.Percent = percent, true, true
	r.Message += fmt.Sprintf(", %d %% of its weight", percent)
}

// parseAgent reads words such as "75%", "drain" or "ready 50%", with spaces or commas
// between them. What takes the server out wins, then a number. What follows a # is for
// people, and so is what follows the words for down.
func parseAgent(text string) (percent int, err error) {
	text, _, _ = strings.Cut(text, "#")
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	percent, named := 100, false
	for _, word := range words {
		number, isPercent := strings.CutSuffix(word, "%")
		part, known := agentWords[strings.ToLower(word)]
		switch {
		case known && part == 0:
			return 0, nil
		case known:
		case isPercent:
			n, err := strconv.ParseUint(number, 10, 31)
			if err != nil || n > maxPercent {
				return 0, fmt.Errorf("%.20q is not a percentage", word)
			}
			percent = int(n)
		default:
			return 0, fmt.Errorf("%.20q is neither a percentage nor a word such as ready or drain", word)
		}
		named = true
	}
	if !named {
		return 0, errors.New("it says nothing")
	}
	return percent, nil
}
