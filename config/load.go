package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxSize bounds what Load reads, so that a wrong path such as /dev/zero ends.
// 10,000 services of ten servers take 5 MiB.
const maxSize = 32 << 20

// Load reads and parses the file at path. Mistakes in it come as [Errors], all
// at once; any other error means that the file could not be read.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("load configuration: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("load configuration: %s is larger than %d MiB", path, maxSize>>20)
	}
	return Parse(path, data)
}

// Parse makes a Config of the text of a director.yaml. name is what errors call
// the file. The error, if any, is [Errors]: every mistake of the text, except
// that a syntax error hides what follows it.
func Parse(name string, data []byte) (*Config, error) {
	d := newDecoder(name)
	root, ok := d.document(data)
	if !ok {
		return nil, d.errs.orNil()
	}
	c := d.config(root)
	d.checkServices(c)
	if err := d.errs.orNil(); err != nil {
		return nil, err
	}
	c.settle()
	c.Warnings = d.warns.sorted()
	c.places = d.hostPlaces(c)
	return c, nil
}

// document returns the root of the only YAML document in data; ok is false
// after a syntax error. An empty text is an empty mapping.
func (d *decoder) document(data []byte) (root value, ok bool) {
	root = value{d: d, at: place{1, 1}}
	if at, message, bad := firstBadByte(data); bad {
		d.add("", at, message, "save the file as UTF-8 text")
		return root, false
	}
	l, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		d.syntax(err, data)
		return root, false
	}
	var first yaml.Node
	switch err := l.Load(&first); {
	case errors.Is(err, io.EOF):
		return root, true
	case err != nil:
		d.syntax(err, data)
		return root, false
	}
	if len(first.Content) > 0 {
		root = d.child("", first.Content[0])
	}
	var second yaml.Node
	switch err := l.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntax(err, data)
	default:
		d.add("", place{second.Line, second.Column}, "a second document begins here",
			"keep one document in the file")
	}
	return root, true
}

// syntax records what the YAML library found wrong.
func (d *decoder) syntax(err error, data []byte) {
	at, message := place{1, 1}, err.Error()
	var e *yaml.LoadError
	if errors.As(err, &e) {
		message = e.Message
		if e.ContextMsg != "" {
			message += " " + e.ContextMsg
		}
		if e.Mark.Line > 0 {
			at = place{e.Mark.Line, max(e.Mark.Column, 1)}
		}
	}
	d.add("", at, "is not valid YAML: "+message, syntaxRemedy(data, at.line))
}

// syntaxRemedy knows the slips that YAML itself reports in its own terms.
func syntaxRemedy(data []byte, line int) string {
	lines := bytes.Split(data, []byte("\n"))
	if line > len(lines) {
		return "look for a bracket or a quote that is not closed"
	}
	text := string(lines[line-1])
	switch {
	case strings.HasPrefix(strings.TrimLeft(text, " "), "\t"):
		return "indent with spaces, not tabs"
	case strings.Contains(text, "]:"):
		return `put an address with brackets in quotes, as in "[2001:db8::10]:80"`
	}
	return "look for the indentation, brackets and quotes here and above"
}

// firstBadByte finds what no text file has. The YAML library refuses it too,
// but without saying where.
func firstBadByte(data []byte) (at place, message string, found bool) {
	at = place{1, 1}
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1:
			return at, fmt.Sprintf("byte 0x%02x is not UTF-8", data[0]), true
		case r == '\n':
			at = place{at.line + 1, 0}
		case unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\u0085':
			return at, fmt.Sprintf("control character %U", r), true
		}
		at.column++
		data = data[n:]
	}
	return at, "", false
}
