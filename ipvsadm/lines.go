package ipvsadm

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// maxLine is the longest line that is read, in bytes.
const maxLine = 64 << 10

// lineReader reads lines of arguments as -R takes them: words with blanks
// between, without quotes; the word "ipvsadm" is passed over wherever it
// stands. A line that begins with # is a comment.
type lineReader struct {
	in     *bufio.Reader
	number int // of the line that was read last, from 1
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, maxLine)}
}

// mustWait reports whether the next line has not arrived yet.
func (l *lineReader) mustWait() bool {
	arrived, _ := l.in.Peek(l.in.Buffered()) // which has no error
	return bytes.IndexByte(arrived, '\n') < 0
}

// read returns the next line that has a word. The error is io.EOF at the end,
// or a *mistake.
func (l *lineReader) read() ([]string, error) {
	for {
		line, err := l.in.ReadSlice('\n')
		if len(line) > 0 {
			l.number++
		}
		whole := err == nil || errors.Is(err, io.EOF)
		if words := splitWords(string(line)); whole && len(words) > 0 {
			return words, nil // the end will be found again
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, failf("a line is longer than %d bytes", maxLine)
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case err != nil:
			return nil, failf("read the lines: %v", err)
		}
	}
}

func splitWords(line string) (words []string) {
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }) {
		if word[0] == '#' && len(words) == 0 {
			return nil
		}
		if word != "ipvsadm" {
			words = append(words, word)
		}
	}
	return words
}
