package ipvsadm

import (
	"errors"
	"strings"
)

// The mistakes that libpopt finds, in its words.
var (
	errUnknown   = errors.New("unknown option")
	errMissing   = errors.New("missing argument")
	errUnwanted  = errors.New("option does not take an argument")
	errEndOfLine = errors.New("no more options")
)

// scanner takes the options out of a command line by the rules of libpopt, as
// popt(3) has them: -n, -Ln, -t ADDRESS, -tADDRESS, -t=ADDRESS,
// --tcp-service=ADDRESS. Names are never shortened, "--" ends the options, and
// words that are no options may stand between them.
type scanner struct {
	args    []string
	next    int
	cluster string   // what is left of a word of short options
	words   []string // that are no options
	ended   bool     // by "--"
}

// word is the word that was read last.
func (s *scanner) word() string { return s.args[s.next-1] }

// scan returns the next option and its argument, nil if it has none. The error
// is one of the above.
func (s *scanner) scan() (o *option, argument *string, err error) {
	if s.cluster != "" {
		return s.short(s.cluster)
	}
	for s.next < len(s.args) {
		word := s.args[s.next]
		s.next++
		switch {
		case s.ended || len(word) < 2 || word[0] != '-':
			s.words = append(s.words, word)
		case word == "--":
			s.ended = true
		case strings.HasPrefix(word, "--"):
			return s.long(word[2:])
		default:
			return s.short(word[1:])
		}
	}
	return nil, nil, errEndOfLine
}

// long reads NAME or NAME=ARGUMENT.
func (s *scanner) long(word string) (*option, *string, error) {
	name, argument, given := strings.Cut(word, "=")
	o := longOption(name)
	switch {
	case o == nil:
		return nil, nil, errUnknown
	case given && o.takes == nothing:
		return nil, nil, errUnwanted
	case given:
		return o, &argument, nil
	}
	return s.following(o)
}

// short reads the first letter of a word, and behind it more letters or the
// letter's argument.
func (s *scanner) short(word string) (*option, *string, error) {
	s.cluster = ""
	o, rest := shortOption(word[0]), word[1:]
	switch {
	case o == nil:
		return nil, nil, errUnknown
	case o.takes == nothing && strings.HasPrefix(rest, "="):
		return nil, nil, errUnwanted
	case o.takes == nothing:
		s.cluster = rest
		return o, nil, nil
	case rest != "":
		argument := strings.TrimPrefix(rest, "=")
		return o, &argument, nil
	}
	return s.following(o)
}

// following takes the next word for the option's argument, if it wants one. An
// optional argument does not begin with a dash.
func (s *scanner) following(o *option) (*option, *string, error) {
	switch {
	case o.takes == nothing:
		return o, nil, nil
	case s.next == len(s.args) && o.takes == something:
		return nil, nil, errMissing
	case s.next == len(s.args), o.takes == perhaps && strings.HasPrefix(s.args[s.next], "-"):
		return o, nil, nil
	}
	argument := s.args[s.next]
	s.next++
	return o, &argument, nil
}
