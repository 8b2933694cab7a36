package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// place is where something stands in the file; both count from 1.
type place struct{ line, column int }

func (p place) before(q place) bool {
	return p.line < q.line || (p.line == q.line && p.column < q.column)
}

// decoder walks one file and collects its mistakes.
type decoder struct {
	file  string
	errs  Errors
	warns Errors
	bad   map[string]bool  // keys that have a mistake already
	where map[string]place // keys that the file has
	vips  []vip            // of services, the usable ones, in the file's order
	owned []vip            // those of vips:, without a port
	rips  []rip
	sorry []rip // the sorry servers
}

func newDecoder(file string) *decoder {
	return &decoder{file: file, bad: make(map[string]bool), where: make(map[string]place)}
}

// add records a mistake.
func (d *decoder) add(key string, at place, message, remedy string) {
	d.bad[key] = true
	d.errs = append(d.errs, d.error(key, at, message, remedy))
}

func (d *decoder) error(key string, at place, message, remedy string) Error {
	return Error{File: d.file, Line: at.line, Column: at.column, Key: key, Message: message, Remedy: remedy}
}

// child makes the value of a node, refusing what makes one line of YAML mean
// another's. Such a value counts as absent from then on.
func (d *decoder) child(key string, n *yaml.Node) value {
	v := value{d: d, node: n, key: key, at: place{n.Line, n.Column}}
	d.where[key] = v.at
	switch {
	case n.Kind == yaml.AliasNode:
		v.fail("is an alias (*"+n.Value+")", "write the value out here")
		v.node = nil
	case n.Anchor != "":
		v.fail("has an anchor (&"+n.Anchor+")", "remove it, and write the value out wherever it is wanted")
	case n.Style&yaml.TaggedStyle != 0:
		v.fail("has a tag ("+n.Tag+")", "write the value without it")
		v.node = nil
	}
	return v
}

// value is what stands behind a key, or in a list. It is read by the methods
// below and in values.go; each returns a default and records a mistake if the
// value is not of its type, and the default alone if the key is absent.
type value struct {
	d    *decoder
	node *yaml.Node // nil: the key is absent
	key  string
	at   place
}

func (v value) fail(message, remedy string) { v.d.add(v.key, v.at, message, remedy) }

// warn records what is no mistake, but does not do what one may think.
func (v value) warn(message, remedy string) {
	v.d.warns = append(v.d.warns, v.d.error(v.key, v.at, message, remedy))
}

// failed reports whether the value, absent or not, has a mistake already.
func (v value) failed() bool { return v.d.bad[v.key] }

func (v value) present() bool { return v.node != nil }

func (v value) isNull() bool {
	return v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!null"
}

// wrongType records that v is not what the remedy asks for.
func (v value) wrongType(remedy string) { v.fail("is "+describe(v.node), remedy) }

// describe names a node as a reader sees it.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "empty"
	case n.ShortTag() == "!!int", n.ShortTag() == "!!float":
		return "the number " + n.Value
	case n.ShortTag() == "!!bool":
		return n.Value
	}
	return "the text " + quote(n.Value)
}

// quote returns s in quotes, cut to what fits a line of a terminal.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// items returns the values of a list; an empty value is an empty list.
func (v value) items(remedy string) []value {
	if !v.present() || v.isNull() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.wrongType(remedy)
		return nil
	}
	list := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		list[i] = v.d.child(fmt.Sprintf("%s[%d]", v.key, i), n)
	}
	return list
}

// itemsOrOne is items for a key that takes a single value too.
func (v value) itemsOrOne(remedy string) []value {
	if v.present() && v.node.Kind == yaml.ScalarNode && !v.isNull() {
		return []value{v}
	}
	return v.items(remedy)
}

// section is a mapping whose keys are known.
type section struct {
	value
	fields map[string]value
	broken bool // it is not a mapping
}

// get returns the value of a key, which may be absent.
func (s section) get(key string) value {
	if v, ok := s.fields[key]; ok {
		return v
	}
	return value{d: s.d, key: join(s.key, key), at: s.at}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// section reads a mapping; an absent or empty value is an empty one.
func (v value) section(g grammar) section {
	s := section{value: v, fields: make(map[string]value)}
	if !v.present() || v.isNull() {
		return s
	}
	if v.node.Kind != yaml.MappingNode {
		v.wrongType("write a mapping with the keys " + list(g.keys, "and"))
		s.broken = true
		return s
	}
	lines := make(map[string]int)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		s.field(g, lines, v.node.Content[i], v.node.Content[i+1])
	}
	return s
}

// field takes one key of a mapping. lines has those that came before it.
func (s section) field(g grammar, lines map[string]int, key, val *yaml.Node) {
	at := place{key.Line, key.Column}
	if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
		s.d.add(s.key, at, "a key here is not a plain word", "write one of "+list(g.keys, "or"))
		return
	}
	name := key.Value
	path := join(s.key, pathName(name))
	first, twice := lines[name]
	if !twice {
		lines[name] = key.Line
	}
	switch {
	case twice:
		s.d.add(path, at, fmt.Sprintf("is given twice, first in line %d", first), "keep one of them")
	case key.ShortTag() == "!!merge":
		s.d.add(path, at, "merge keys are not supported", "write the keys out here")
	case !slices.Contains(g.keys, name) && !slices.Contains(g.idle, name):
		s.unknown(g, path, name, at)
	default:
		s.fields[name] = s.d.child(path, val)
	}
}

// unknown refuses a key. One that it may be meant for is misspelt, not missing.
func (s section) unknown(g grammar, path, name string, at place) {
	remedy := "write " + oneOf(g.keys)
	if meant := closest(name, slices.Concat(g.keys, g.idle)); meant != "" {
		s.d.bad[join(s.key, meant)] = true
		remedy = "did you mean " + meant + "?"
	}
	s.d.add(path, at, "is not a key of "+g.name, remedy)
}

// pathName is a key as it stands in a path: quoted if it is not a word, so
// that one mistake stays on one line.
func pathName(key string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(` .:;[]"`, r) }
	if key == "" || len(key) > 40 || strings.ContainsFunc(key, odd) {
		return quote(key)
	}
	return key
}
