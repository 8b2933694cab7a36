package scheduler

import "sync/atomic"

const (
	dhBits = 8
	dhSize = 1 << dhBits
)

// dh hashes the destination's address into a table in which the servers take
// turns, weights unseen. A place whose server is unusable has no other.
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
	if c := table[hash32(fold(f.Dst), dhBits)]; c.usable() {
		return c
	}
	return nil
}

// Peek is Pick, which leaves no trace.
func (s *dh) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }
