package scheduler

import "sync/atomic"

// Overflow picks when the connection table is full: a Maglev hash of the whole
// 5-tuple, so that every segment of a connection finds the same server with
// nothing remembered, on every director with the same servers. It is none of
// Names: each service has one beside its scheduler.
//
// It looks past thresholds: a mark that comes and goes with the load would
// move connections in the middle. A server of weight 0 is left out, and only
// its connections move. O(1); one more probe for each unusable place hit.
//
// The zero value is ready; its methods are those of Scheduler.
type Overflow struct {
	builder maglevBuilder
	table   atomic.Pointer[maglev]
}

// NewOverflow returns an Overflow with no candidates.
func NewOverflow() *Overflow { return &Overflow{} }

// Update gives the candidates, as Scheduler.Update.
func (s *Overflow) Update(candidates []*Candidate) { s.table.Store(s.builder.build(candidates)) }

// Pick returns the server of a connection, or nil if all weights are 0.
func (s *Overflow) Pick(f *Flow) *Candidate {
	t := s.table.Load()
	if t == nil || t.places == nil {
		return nil
	}
	sum := f.sum()
	at := uint32(sum) % maglevSize
	if c := t.places[at]; c.Weight() > 0 {
		return c
	}
	if !anyWeight(t.servers) {
		return nil
	}
	// The size is a prime, so this walk passes every place.
	skip := uint32(sum>>32)%(maglevSize-1) + 1
	for range maglevSize {
		if at += skip; at >= maglevSize {
			at -= maglevSize
		}
		if c := t.places[at]; c.Weight() > 0 {
			return c
		}
	}
	return nil
}

// Peek is Pick, which leaves no trace.
func (s *Overflow) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }

func anyWeight(list []*Candidate) bool {
	for _, c := range list {
		if c.Weight() > 0 {
			return true
		}
	}
	return false
}

// sum hashes the 5-tuple.
func (f *Flow) sum() uint64 {
	s := sipState(maglevKey1)
	high, low := words(f.Src)
	s.word(high)
	s.word(low)
	high, low = words(f.Dst)
	s.word(high)
	s.word(low)
	s.word(uint64(f.SrcPort)<<32 | uint64(f.DstPort)<<16 | uint64(f.Protocol))
	return s.sum()
}
