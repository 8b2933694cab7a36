package scheduler

// ovf fills the server of the greatest weight first; a server with more active
// connections than its weight flows over to the next.
type ovf struct{ servers }

func newOVF(flagSet) Scheduler { return &ovf{} }

func (s *ovf) Pick(*Flow) *Candidate {
	var first *Candidate
	greatest := 0
	for _, c := range s.all() {
		if w := c.Weight(); w > greatest && c.Active() <= w && !c.Overloaded() {
			first, greatest = c, w
		}
	}
	return first
}

// Peek is Pick, which leaves no trace.
func (s *ovf) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }
