package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// text reads one line of text; a number is taken as it is written. remedy says
// what kind of text is wanted. ok is false if there is none.
func (v value) text(remedy string) (s string, ok bool) {
	if !v.present() {
		return "", false
	}
	if v.node.Kind != yaml.ScalarNode || v.isNull() {
		v.wrongType(remedy)
		return "", false
	}
	if strings.ContainsFunc(v.node.Value, unicode.IsControl) {
		v.fail(quote(v.node.Value)+" has a control character in it", remedy)
		return "", false
	}
	return v.node.Value, true
}

// integer reads a decimal number from lo to hi.
func (v value) integer(def, lo, hi int) int {
	if !v.present() {
		return def
	}
	remedy := fmt.Sprintf("write a whole number from %d to %d", lo, hi)
	s := v.node.Value
	switch {
	case v.node.Kind != yaml.ScalarNode:
		v.wrongType(remedy)
		return def
	case isDecimal(s) && v.node.Style != 0:
		v.wrongType(remedy + ", without quotes")
		return def
	case !isDecimal(s) && v.node.ShortTag() == "!!int":
		v.fail(s+" is not written in decimal", remedy+", without underscores and leading zeros")
		return def
	case !isDecimal(s):
		v.wrongType(remedy)
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < lo || n > hi {
		v.fail(s+" is out of range", remedy)
		return def
	}
	return n
}

// isDecimal reports whether s is a whole number as people write it: without a
// leading zero, which in some programs makes it octal.
func isDecimal(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || (len(digits) > 1 && digits[0] == '0') {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// duration reads a Go duration from lo to hi.
func (v value) duration(def, lo, hi time.Duration) time.Duration {
	if !v.present() {
		return def
	}
	remedy := fmt.Sprintf("write a duration from %s to %s", short(lo), short(hi))
	if v.node.Kind != yaml.ScalarNode || v.isNull() {
		v.wrongType(remedy)
		return def
	}
	s := v.node.Value
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		v.fail(s+" has no unit", fmt.Sprintf("write %ss for seconds, or with ms, m or h", s))
		return def
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		v.fail(quote(s)+" is not a duration", "write numbers with the units ms, s, m and h, as in 500ms or 1h30m")
		return def
	}
	if t < lo || t > hi {
		v.fail(s+" is out of range", remedy)
		return def
	}
	return t
}

// short is Duration.String without the zero units at the end.
func short(t time.Duration) string {
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// switches are the words for a switch.
var switches = map[string]bool{"on": true, "true": true, "off": false, "false": false}

// onOff reads a switch.
func (v value) onOff(def bool) bool {
	if !v.present() {
		return def
	}
	on, ok := switches[v.node.Value]
	if v.node.Kind != yaml.ScalarNode || !ok {
		v.wrongType("write on or off")
		return def
	}
	return on
}

// choice reads one word of known.
func choice[T ~string](v value, def T, known []T) T {
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	s, ok := v.text("write " + oneOf(words))
	switch {
	case !ok:
		return def
	case slices.Contains(words, s):
		return T(s)
	default:
		v.fail(quote(s)+" is unknown", didYouMean(s, words))
	}
	return def
}
