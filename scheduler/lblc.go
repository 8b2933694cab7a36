package scheduler

import (
	"sync/atomic"
	"time"
)

// lblc, "locality-based least connections", is for caches behind one director:
// it sends a destination to the server that had it last.
type lblc struct {
	servers atomic.Pointer[roster]
	cache   *destinations[*Candidate]
}

func newLBLC(flagSet) Scheduler { return &lblc{cache: newDestinations[*Candidate]()} }

func (s *lblc) Update(candidates []*Candidate) {
	s.servers.Store(s.servers.Load().next(candidates))
}

// Pick passes no cached server over for being marked overloaded, as the kernel
// does not: only its active connections move a destination.
func (s *lblc) Pick(f *Flow) *Candidate {
	r := s.servers.Load()
	if r == nil {
		return nil
	}
	c, _, ok := s.cache.get(f.Dst)
	if ok && r.keeps(c) {
		return c
	}
	if c = lightest(r.list); c != nil {
		s.cache.update(f.Dst, func(server **Candidate, _ time.Duration) { *server = c })
	}
	return c
}

func (s *lblc) Peek(f *Flow) (*Candidate, bool) {
	r := s.servers.Load()
	if r == nil {
		return nil, true
	}
	if c, ok := s.cache.peek(f.Dst); ok && r.keeps(c) {
		return c, true
	}
	return lightest(r.list), true
}

// SetExpiry is that of Cacher.
func (s *lblc) SetExpiry(after time.Duration) { s.cache.setExpiry(after) }
