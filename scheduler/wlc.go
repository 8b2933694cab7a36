package scheduler

// wlc takes the server with the fewest connections for its weight.
type wlc struct{ servers }

func newWLC(flagSet) Scheduler { return &wlc{} }

func (s *wlc) Pick(*Flow) *Candidate { return lightest(s.all()) }

// Peek is Pick, which leaves no trace.
func (s *wlc) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }

// lightest returns the usable server with the least load for its weight; of
// equals, the first.
func lightest(list []*Candidate) *Candidate {
	var least *Candidate
	var leastLoad, leastWeight int64
	for _, c := range list {
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
