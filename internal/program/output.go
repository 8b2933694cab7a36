package program

import "bytes"

// Output keeps the beginning of what is written to it, and forgets the rest.
type Output struct {
	Limit int // bytes
	bytes []byte
}

// Write takes all of b, and never fails.
func (o *Output) Write(b []byte) (int, error) {
	o.bytes = append(o.bytes, b[:min(len(b), o.Limit-len(o.bytes))]...)
	return len(b), nil
}

// FirstLine returns the first line with something on it, without spaces around it.
func (o *Output) FirstLine() string {
	for line := range bytes.Lines(o.bytes) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return string(line)
		}
	}
	return ""
}
