package healthcheck

import (
	"fmt"
	"strings"
)

// escapes are the letters that stand for one byte after a backslash, as in C.
var escapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	'0': 0, '\\': '\\', '"': '"', '\'': '\'',
}

// unescape returns the bytes that a text with escapes means: \r, \n, \t, \0,
// \\ and the like, and \xHH for any byte. What is not escaped is taken as it is.
func unescape(text string) ([]byte, error) {
	out := make([]byte, 0, len(text))
	for {
		plain, rest, found := strings.Cut(text, `\`)
		out = append(out, plain...)
		if !found {
			return out, nil
		}
		if rest == "" {
			return nil, fmt.Errorf(`a backslash at the end escapes nothing`)
		}
		if b, ok := escapes[rest[0]]; ok {
			out, text = append(out, b), rest[1:]
			continue
		}
		b, ok := hexEscape(rest)
		if !ok {
			return nil, fmt.Errorf("%q is not an escape", `\`+rest[:1])
		}
		out, text = append(out, b), rest[3:]
	}
}

// hexEscape reads the byte of "xHH…".
func hexEscape(rest string) (byte, bool) {
	if len(rest) < 3 || rest[0] != 'x' {
		return 0, false
	}
	var b byte
	for _, c := range []byte(rest[1:3]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, false
		}
		b = b<<4 | byte(digit)
	}
	return b, true
}
