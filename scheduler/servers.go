package scheduler

import "sync/atomic"

// servers is the list of an algorithm that keeps nothing else. The zero value
// is an empty list.
type servers struct {
	list atomic.Pointer[[]*Candidate]
}

// Update is that of Scheduler.
func (s *servers) Update(candidates []*Candidate) { s.list.Store(&candidates) }

func (s *servers) all() []*Candidate {
	if list := s.list.Load(); list != nil {
		return *list
	}
	return nil
}
