package ipvsadm

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"lvsdr/admin/api"
)

// maxMistakes is how many mistakes of a file are told at once.
const maxMistakes = 20

// Rules are the lines of a file as changes.
type Rules struct {
	Changes api.Changes

	file  string
	lines []int // of the changes
}

// Place is where a change stands: file:line.
func (r *Rules) Place(change int) string { return fmt.Sprintf("%s:%d", r.file, r.lines[change]) }

// ParseRules reads the lines that -S prints and -R takes. Each must be a
// change. Names of hosts and ports are looked up on this host. The error has a
// line for each of the first 20 mistakes, beginning with file:line.
func ParseRules(file string, in io.Reader) (*Rules, error) {
	return parseRules(file, in, NewHostNames())
}

func parseRules(file string, in io.Reader, names Names) (*Rules, error) {
	rules := &Rules{file: file}
	var mistakes []error
	lines := newLineReader(in)
	for len(mistakes) < maxMistakes {
		words, err := lines.read()
		if errors.Is(err, io.EOF) {
			break
		}
		broken := err != nil // what follows is no line
		var change *api.Change
		if err == nil {
			change, err = parseRule(words, names)
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s:%d: %s", file, max(lines.number, 1), strings.TrimSpace(err.Error())))
		} else {
			rules.Changes, rules.lines = append(rules.Changes, *change), append(rules.lines, lines.number)
		}
		if broken {
			break
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return rules, nil
}

// parseRule reads a line that is a change.
func parseRule(words []string, names Names) (*api.Change, error) {
	r, err := parse(words, names)
	if err != nil {
		return nil, err
	}
	change := r.change()
	if change == nil {
		return nil, fmt.Errorf("%s changes nothing: remove the line", words[0])
	}
	return change, nil
}
