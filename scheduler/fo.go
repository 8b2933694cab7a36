package scheduler

// fo takes the server of the greatest weight: the others stand by until it
// fails or is overloaded.
type fo struct{ servers }

func newFO(flagSet) Scheduler { return &fo{} }

func (s *fo) Pick(*Flow) *Candidate {
	var first *Candidate
	greatest := 0
	for _, c := range s.all() {
		if w := c.Weight(); w > greatest && !c.Overloaded() {
			first, greatest = c, w
		}
	}
	return first
}

// Peek is Pick, which leaves no trace.
func (s *fo) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }
