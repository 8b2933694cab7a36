package scheduler

import (
	"slices"
	"sync/atomic"
	"time"
)

// lblcr is lblc with replication: a destination has a set of servers, which
// grows when it is too much for them and shrinks when it has not changed for the
// cache's expiry.
type lblcr struct {
	servers atomic.Pointer[roster]
	cache   *destinations[replicas]
}

// replicas is the set of a destination. A pick reads it outside of locks: the
// elements of a set never change, a set grows behind them or is made anew.
type replicas struct {
	set     []*Candidate // the one that joined last comes last
	changed time.Duration
}

// departedMax bounds the servers that a set keeps though they left the list.
// The kernel keeps them all: one that returns finds its destinations.
const departedMax = 16

func newLBLCR(flagSet) Scheduler { return &lblcr{cache: newDestinations[replicas]()} }

func (s *lblcr) Update(candidates []*Candidate) {
	s.servers.Store(s.servers.Load().next(candidates))
}

func (s *lblcr) Pick(f *Flow) *Candidate {
	r := s.servers.Load()
	if r == nil {
		return nil
	}
	have, now, ok := s.cache.get(f.Dst)
	if ok {
		c := have.lightest(r)
		if len(have.set) > 1 && now-have.changed > s.cache.expiry() {
			have.set = s.shrink(f, have)
		}
		if c != nil && !r.relieves(c) {
			return c
		}
	}
	c := lightest(r.list)
	if c != nil && !slices.Contains(have.set, c) {
		s.cache.update(f.Dst, func(to *replicas, now time.Duration) { to.join(r, c, now) })
	}
	return c
}

func (s *lblcr) Peek(f *Flow) (*Candidate, bool) {
	r := s.servers.Load()
	if r == nil {
		return nil, true
	}
	if have, ok := s.cache.peek(f.Dst); ok {
		if c := have.lightest(r); c != nil && !r.relieves(c) {
			return c, true
		}
	}
	return lightest(r.list), true
}

// SetExpiry is that of Cacher.
func (s *lblcr) SetExpiry(after time.Duration) { s.cache.setExpiry(after) }

// lightest is wlc's choice in the set, of what the list still has; of equals,
// the one that joined last.
func (h replicas) lightest(r *roster) *Candidate {
	var least *Candidate
	var leastLoad, leastWeight int64
	for _, c := range slices.Backward(h.set) {
		weight := int64(c.Weight())
		if weight <= 0 || c.Overloaded() || !r.has(c) {
			continue
		}
		load := c.load()
		if least == nil || leastLoad*weight > load*leastWeight {
			least, leastLoad, leastWeight = c, load, weight
		}
	}
	return least
}

// heaviest returns the server of the set with the most load for its weight,
// also one that is overloaded or left the list; of equals, the one that joined
// last; nil if all weights are 0.
func (h replicas) heaviest() *Candidate {
	var most *Candidate
	var mostLoad, mostWeight int64
	for _, c := range slices.Backward(h.set) {
		weight := int64(c.Weight())
		if weight <= 0 {
			continue
		}
		load := c.load()
		if most == nil || mostLoad*weight < load*mostWeight {
			most, mostLoad, mostWeight = c, load, weight
		}
	}
	return most
}

// join adds a server to the set, unless another worker did.
func (h *replicas) join(r *roster, c *Candidate, now time.Duration) {
	switch {
	case slices.Contains(h.set, c):
		return
	case len(h.set) == 0:
		h.set = r.alone[c]
	case len(h.set) >= len(r.list)+departedMax:
		h.set = append(keep(h.set, r.has), c)
	default:
		h.set = append(h.set, c)
	}
	h.changed = now
}

// shrink takes the heaviest server out of a destination's set, unless another
// worker changed the set, and returns what it leaves.
func (s *lblcr) shrink(f *Flow, have replicas) []*Candidate {
	most := have.heaviest()
	if most == nil {
		return have.set
	}
	rest := keep(have.set, func(c *Candidate) bool { return c != most })
	s.cache.update(f.Dst, func(of *replicas, now time.Duration) {
		if of.changed == have.changed && len(of.set) == len(have.set) {
			*of = replicas{rest, now}
		}
	})
	return rest
}

// keep returns the servers of a set that pass, as a new set.
func keep(set []*Candidate, pass func(*Candidate) bool) []*Candidate {
	kept := make([]*Candidate, 0, len(set))
	for _, c := range set {
		if pass(c) {
			kept = append(kept, c)
		}
	}
	return kept
}
