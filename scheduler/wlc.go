package scheduler

import "sync/atomic"

// wlc takes the server with the fewest connections for its weight.
type wlc struct {
	list atomic.Pointer[[]*Candidate]
}

func newWLC(flagSet) Scheduler { return &wlc{} }

func (s *wlc) Update(candidates []*Candidate) { s.list.Store(&candidates) }

func (s *wlc) Pick(*Flow) *Candidate {
	list := s.list.Load()
	if list == nil {
		return nil
	}
	var least *Candidate
	var leastLoad, leastWeight int64
	for _, c := range *list {
		weight := int64(c.Weight())
		if weight <= 0 || c.Overloaded() {
			continue
		}
		load := c.load()
		// load/weight < leastLoad/leastWeight, without the division.
		if least == nil || leastLoad*weight > load*leastWeight {
			least, leastLoad, leastWeight = c, load, weight
		}
	}
	return least
}
