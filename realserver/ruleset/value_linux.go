package ruleset

import (
	"bytes"
	"slices"
)

// answer is what is known of a condition.
type answer int

// The answers, in the order of how much speaks for yes.
const (
	no answer = iota
	perhaps
	yes
)

func (a answer) and(b answer) answer { return min(a, b) }
func (a answer) or(b answer) answer  { return max(a, b) }
func (a answer) not() answer         { return yes - a }

// answerOf says yes or no.
func answerOf(is bool) answer {
	if is {
		return yes
	}
	return no
}

// known is answerOf, where anybody knows.
func known(is, known bool) answer {
	if !known {
		return perhaps
	}
	return answerOf(is)
}

// value is bytes of a packet, each known or not.
type value struct {
	data  []byte
	known []bool // as long as data
}

// knownValue makes one of which all is known.
func knownValue(data []byte) value {
	v := value{data: bytes.Clone(data), known: make([]bool, len(data))}
	for i := range v.known {
		v.known[i] = true
	}
	return v
}

// unknownValue makes one of which nothing is known.
func unknownValue(n int) value { return value{data: make([]byte, n), known: make([]bool, n)} }

// cut returns n bytes from offset, unknown where v ends before. No rule can want
// more than the registers hold.
func (v value) cut(offset, n int) value {
	c := unknownValue(min(n, allRegisters))
	if offset < len(v.data) {
		copy(c.data, v.data[offset:])
		copy(c.known, v.known[offset:])
	}
	return c
}

// put writes w at offset, as far as v reaches.
func (v value) put(offset int, w value) {
	if offset < len(v.data) {
		copy(v.data[offset:], w.data)
		copy(v.known[offset:], w.known)
	}
}

// allKnown says whether every byte is known.
func (v value) allKnown() bool { return !slices.Contains(v.known, false) }

// equals compares with data, which may be shorter.
func (v value) equals(data []byte) answer {
	a := yes
	for i, b := range data {
		switch {
		case i >= len(v.data) || !v.known[i]:
			a = a.and(perhaps)
		case v.data[i] != b:
			return no
		}
	}
	return a
}

// compare orders v before (-1), with (0) or after (1) data, and says whether holds
// is true of that.
func (v value) compare(data []byte, holds func(int) bool) answer {
	for i, b := range data {
		switch {
		case i >= len(v.data) || !v.known[i]:
			if holds(-1) && holds(0) && holds(1) {
				return yes
			}
			return perhaps
		case v.data[i] < b:
			return answerOf(holds(-1))
		case v.data[i] > b:
			return answerOf(holds(1))
		}
	}
	return answerOf(holds(0))
}

// within says whether v is in the range, field by field: the lengths are those of
// the fields of a concatenation, each of which begins at a multiple of 4 bytes.
func (v value) within(first, last []byte, fields []int) answer {
	if len(fields) == 0 {
		fields = []int{len(first)}
	}
	a, at := yes, 0
	for _, n := range fields {
		end := min(at+n, len(first), len(last))
		if end <= at {
			break
		}
		field := v.cut(at, end-at)
		a = a.and(field.compare(first[at:end], func(c int) bool { return c >= 0 }))
		a = a.and(field.compare(last[at:end], func(c int) bool { return c <= 0 }))
		at += (n + 3) &^ 3
	}
	return a
}

// masked returns v & mask ^ xor.
func (v value) masked(mask, xor []byte) value {
	if len(mask) != len(v.data) || len(xor) != len(v.data) {
		return unknownValue(len(v.data))
	}
	r := value{data: make([]byte, len(v.data)), known: make([]bool, len(v.data))}
	for i := range v.data {
		r.data[i] = v.data[i]&mask[i] ^ xor[i]
		r.known[i] = v.known[i] || mask[i] == 0
	}
	return r
}
