package scheduler

// sed takes the server with the shortest expected delay: with the fewest
// active connections for its weight, the new one counted in.
type sed struct{ servers }

func newSED(flagSet) Scheduler { return &sed{} }

func (s *sed) Pick(*Flow) *Candidate { return soonest(s.all(), false) }

// Peek is Pick, which leaves no trace.
func (s *sed) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }

// soonest returns the usable server with the shortest expected delay; of
// equals, the first. With idle, a usable server without active connections
// ends the search.
func soonest(list []*Candidate, idle bool) *Candidate {
	var least *Candidate
	var leastDelay, leastWeight int64
	for _, c := range list {
		weight := int64(c.Weight())
		if weight <= 0 || c.Overloaded() {
			continue
		}
		active := int64(c.Active())
		if idle && active == 0 {
			return c
		}
		if delay := active + 1; least == nil || leastDelay*weight > delay*leastWeight {
			least, leastDelay, leastWeight = c, delay, weight
		}
	}
	return least
}
