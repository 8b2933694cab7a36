package scheduler

import (
	"cmp"
	"sync/atomic"
)

const (
	shBits = 8
	shSize = 1 << shBits
)

// sh hashes the client's address into a table that the servers share by
// weight.
type sh struct {
	port, fallback bool
	table          atomic.Pointer[[shSize]*Candidate]
}

func newSH(flags flagSet) Scheduler {
	return &sh{port: flags.has("sh-port"), fallback: flags.has("sh-fallback")}
}

// Update fills the table: each server in turn takes as many places in a row as
// its weight says, one for weight 0, around until the table is full.
func (s *sh) Update(candidates []*Candidate) {
	if len(candidates) == 0 {
		s.table.Store(nil)
		return
	}
	table := new([shSize]*Candidate)
	next := 0
	for i := 0; i < shSize; next = (next + 1) % len(candidates) {
		c := candidates[next]
		for n := max(c.Whole(), 1); n > 0 && i < shSize; n-- {
			table[i] = c
			i++
		}
	}
	s.table.Store(table)
}

func (s *sh) Pick(f *Flow) *Candidate {
	table := s.table.Load()
	if table == nil {
		return nil
	}
	key := fold(f.Src)
	if s.port {
		key += uint32(f.hashedPort())
	}
	home := hash32(key, shBits)
	c := table[home]
	if c.takes(key) {
		return c
	}
	if !s.fallback && !c.yields() {
		return nil
	}
	if other := probe(table, home, func(c *Candidate) bool { return c.takes(key) }); other != nil || c.usable() {
		return cmp.Or(other, c)
	}
	return probe(table, home, (*Candidate).usable)
}

// probe looks for another server. The kernel adds the home place to each probe's
// offset and to its hash, so the first probe is at twice the home place.
func probe(table *[shSize]*Candidate, home uint32, fits func(*Candidate) bool) *Candidate {
	for offset := uint32(0); offset < shSize; offset++ {
		if c := table[(2*home+offset)%shSize]; fits(c) {
			return c
		}
	}
	return nil
}

// Peek is Pick, which leaves no trace.
func (s *sh) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }
