package scheduler

// lc takes the server with the fewest connections, whatever its weight.
type lc struct{ servers }

func newLC(flagSet) Scheduler { return &lc{} }

func (s *lc) Pick(*Flow) *Candidate {
	var least *Candidate
	var leastLoad int64
	for _, c := range s.all() {
		if !c.usable() {
			continue
		}
		if load := c.load(); least == nil || load < leastLoad {
			least, leastLoad = c, load
		}
	}
	return least
}

// Peek is Pick, which leaves no trace.
func (s *lc) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }
