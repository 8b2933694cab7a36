package scheduler

// nq never queues: it takes the first idle server, however slow, and without
// one the server that sed takes.
type nq struct{ servers }

func newNQ(flagSet) Scheduler { return &nq{} }

func (s *nq) Pick(*Flow) *Candidate { return soonest(s.all(), true) }

// Peek is Pick, which leaves no trace.
func (s *nq) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }
