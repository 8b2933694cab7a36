package scheduler

import (
	"cmp"
	"sync/atomic"
)

const (
	dhBits = 8
	dhSize = 1 << dhBits
)

// dh hashes the destination's address into a table in which the servers take
// turns, weights unseen. A place whose server has weight 0, or is overloaded, has
// no other; one whose server yields has the next that takes the destination.
type dh struct {
	table atomic.Pointer[[dhSize]*Candidate]
}

func newDH(flagSet) Scheduler { return &dh{} }

func (s *dh) Update(candidates []*Candidate) {
	if len(candidates) == 0 {
		s.table.Store(nil)
		return
	}
	table := new([dhSize]*Candidate)
	for i := range table {
		table[i] = candidates[i%len(candidates)]
	}
	s.table.Store(table)
}

func (s *dh) Pick(f *Flow) *Candidate {
	table := s.table.Load()
	if table == nil {
		return nil
	}
	key := fold(f.Dst)
	home := hash32(key, dhBits)
	c := table[home]
	if c.takes(key) {
		return c
	}
	if !c.yields() {
		return nil
	}
	if other := after(table, home, func(c *Candidate) bool { return c.takes(key) }); other != nil || c.usable() {
		return cmp.Or(other, c)
	}
	return after(table, home, (*Candidate).usable)
}

// after looks for a server in the places after one.
func after(table *[dhSize]*Candidate, home uint32, fits func(*Candidate) bool) *Candidate {
	for offset := uint32(1); offset < dhSize; offset++ {
		if c := table[(home+offset)%dhSize]; fits(c) {
			return c
		}
	}
	return nil
}

// Peek is Pick, which leaves no trace.
func (s *dh) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }
