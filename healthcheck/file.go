package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// fileLimit is more than a number takes.
	fileLimit = 256
	maxWeight = 65535
)

// fileCheck takes the weight from a file that something else writes, as with
// keepalived's track_file: its first word is a whole number. A negative one says
// that the server is down, and so does a file that is missing or has no number
// in it: whoever was to write it has not.
type fileCheck struct {
	path     string
	stubborn stubborn
}

func validateFile(s *Spec) []FieldError {
	info, err := os.Stat(s.File)
	switch {
	case s.File == "":
		return []FieldError{{"file", "is missing: nothing says where the weight is", "the absolute path of a file"}}
	case !filepath.IsAbs(s.File):
		return []FieldError{{"file", fmt.Sprintf("%q is not an absolute path", s.File), "one such as /run/director/web.weight"}}
	case err == nil && !info.Mode().IsRegular():
		return []FieldError{{"file", s.File + " is not a file", "the path of one, which may be written later"}}
	}
	return nil
}

func newFile(s Spec, _ Target, _ Way) (question, error) { return &fileCheck{path: s.File}, nil }

func (c *fileCheck) ask(ctx context.Context) (Result, error) {
	if err := c.stubborn.free(); err != nil {
		return Result{}, err
	}
	var text string
	var failed error
	if err := c.stubborn.await(ctx, func() { text, failed = c.read() }); err != nil {
		return Result{}, err
	}
	if failed != nil {
		return Result{}, failed
	}
	weight, err := parseWeight(text)
	return Result{Message: "weight " + strconv.Itoa(weight), Weight: weight, Weighted: true}, err
}

// read returns the beginning of the file.
func (c *fileCheck) read() (string, error) {
	f, err := openRegular(c.path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, fileLimit))
	return string(text), err
}

// parseWeight reads the first word of a text.
func parseWeight(text string) (int, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return 0, errors.New("the file is empty")
	}
	n, err := strconv.Atoi(words[0])
	switch {
	case err != nil:
		return 0, fmt.Errorf("the file says %.20q, which is not a whole number", words[0])
	case n < 0:
		return 0, fmt.Errorf("the file says %d: down", n)
	case n > maxWeight:
		return 0, fmt.Errorf("the file says %d: more than %d", n, maxWeight)
	}
	return n, nil
}

func (c *fileCheck) String() string { return "file://" + c.path }
