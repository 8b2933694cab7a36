package healthcheck

import (
	"fmt"
	"strconv"
	"strings"
)

// statusSet is a set of HTTP status codes, one bit each.
type statusSet [10]uint64

// parseStatus reads a list such as "200-399" or "200,301-302": codes and
// ranges of codes from 100 to 599, separated by commas, spaces allowed.
func parseStatus(list string) (statusSet, error) {
	var set statusSet
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := parseCode(from)
		if err != nil {
			return statusSet{}, err
		}
		last := first
		if isRange {
			if last, err = parseCode(to); err != nil {
				return statusSet{}, err
			}
		}
		if last < first {
			return statusSet{}, fmt.Errorf("the range %q ends before it starts", strings.TrimSpace(part))
		}
		for code := first; code <= last; code++ {
			set[code/64] |= 1 << (code % 64)
		}
	}
	return set, nil
}

func parseCode(text string) (int, error) {
	text = strings.TrimSpace(text)
	code, err := strconv.ParseUint(text, 10, 16)
	if err != nil || len(text) != 3 || code < 100 || code > 599 {
		return 0, fmt.Errorf("%q is not a status code", text)
	}
	return int(code), nil
}

// has reports whether the set contains code; any integer may be asked for.
func (s *statusSet) has(code int) bool {
	return code >= 0 && code < 64*len(s) && s[code/64]&(1<<(code%64)) != 0
}
