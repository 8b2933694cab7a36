package scheduler

import "sync/atomic"

// rr gives the servers their turn in the list's order, weights unseen.
type rr struct {
	ring atomic.Pointer[ring]
}

// ring is one list with the place of the server used last.
type ring struct {
	list []*Candidate
	last atomic.Int32 // index; -1: before the first
}

func newRR(flagSet) Scheduler { return &rr{} }

func (s *rr) Update(candidates []*Candidate) {
	next := &ring{list: candidates}
	next.last.Store(-1)
	if old := s.ring.Load(); old != nil {
		next.last.Store(old.lastIn(candidates))
	}
	s.ring.Store(next)
}

// lastIn returns where the server used last is in another list. If it left,
// the turn goes on after the nearest server before it that stayed.
func (r *ring) lastIn(list []*Candidate) int32 {
	place := make(map[*Candidate]int32, len(list))
	for i, c := range list {
		place[c] = int32(i)
	}
	for i := r.last.Load(); i >= 0; i-- {
		if at, ok := place[r.list[i]]; ok {
			return at
		}
	}
	return -1
}

func (s *rr) Pick(*Flow) *Candidate {
	r := s.ring.Load()
	if r == nil {
		return nil
	}
	for {
		last := r.last.Load()
		next := r.after(int(last))
		if next < 0 {
			return nil
		}
		if r.last.CompareAndSwap(last, int32(next)) {
			return r.list[next]
		}
	}
}

func (s *rr) Peek(*Flow) (*Candidate, bool) {
	r := s.ring.Load()
	if r == nil {
		return nil, true
	}
	if next := r.after(int(r.last.Load())); next >= 0 {
		return r.list[next], true
	}
	return nil, true
}

// after returns the index of the next usable server, the one at last being
// the last to be tried; -1 if there is none.
func (r *ring) after(last int) int {
	at := last
	for range r.list {
		if at++; at == len(r.list) {
			at = 0
		}
		if r.list[at].usable() {
			return at
		}
	}
	return -1
}
