package config

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// A change of a running director is read by what reads the file, so that both
// are judged alike. Here it takes the file's form.

// said makes a value of what an operator said. It stands nowhere, so that
// messages name the key alone.
func (d *decoder) said(key string, n *yaml.Node) value {
	if n == nil {
		return value{d: d, key: key}
	}
	return d.child(key, n)
}

// mapping makes a mapping of names and nodes by turns; a nil node is left out.
func mapping(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(pairs); i += 2 {
		if n := pairs[i+1].(*yaml.Node); n != nil {
			m.Content = append(m.Content, word(pairs[i].(string)), n)
		}
	}
	return m
}

func sequence(words []string) *yaml.Node {
	l := &yaml.Node{Kind: yaml.SequenceNode}
	for _, w := range words {
		l.Content = append(l.Content, word(w))
	}
	return l
}

// word makes a text.
func word(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// words is word, or nothing if there is none.
func words(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	return word(s)
}

func number(n int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(n)}
}

// duration makes nothing of 0.
func duration(t time.Duration) *yaml.Node {
	if t == 0 {
		return nil
	}
	return word(short(t))
}
