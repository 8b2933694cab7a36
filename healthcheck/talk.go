package healthcheck

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// answerLimit is how much of an answer is looked at: a probe must not be a way
// to fill the director's memory.
const answerLimit = 64 << 10

// talk is what is said on a connection, and what must come back.
type talk struct {
	send   []byte // nil: nothing
	expect []byte // nil: anything
}

// validateTalk checks the fields send and expect.
func validateTalk(s *Spec) []FieldError {
	var errs []FieldError
	for _, f := range []struct{ key, text string }{{"send", s.Send}, {"expect", s.Expect}} {
		if _, err := unescape(f.text); err != nil {
			errs = append(errs, FieldError{f.key, err.Error(), `text with the escapes \r \n \t \0 \\ and \xHH`})
		}
	}
	if b, err := unescape(s.Expect); err == nil && len(b) > answerLimit {
		errs = append(errs, FieldError{"expect", fmt.Sprintf("is longer than what is read, %d bytes", answerLimit), "less of it"})
	}
	return errs
}

func newTalk(s Spec) (talk, error) {
	var t talk
	var err error
	if s.Send != "" {
		if t.send, err = unescape(s.Send); err != nil {
			return t, fmt.Errorf("send: %w", err)
		}
	}
	if s.Expect != "" {
		if t.expect, err = unescape(s.Expect); err != nil {
			return t, fmt.Errorf("expect: %w", err)
		}
	}
	return t, nil
}

// heard reads until what is expected has come, however it is cut into pieces.
func (t talk) heard(in io.Reader) error {
	got := make([]byte, 0, 512)
	for {
		if len(got) == cap(got) {
			got = append(got, 0)[:len(got)]
		}
		n, err := in.Read(got[len(got):min(cap(got), answerLimit)])
		from := max(0, len(got)-len(t.expect)+1)
		got = got[:len(got)+n]
		switch {
		case bytes.Contains(got[from:], t.expect):
			return nil
		case len(got) == answerLimit:
			return fmt.Errorf("%q is not in the first %d bytes of the answer", t.expect, answerLimit)
		case errors.Is(err, io.EOF) && len(got) > 0:
			return t.wrong(got)
		case err != nil:
			return err
		}
	}
}

// wrong says what came instead of what is expected.
func (t talk) wrong(got []byte) error {
	const shown = 60
	if len(got) > shown {
		got = got[:shown]
	}
	return fmt.Errorf("answer %q does not contain %q", got, t.expect)
}
