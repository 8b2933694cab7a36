package scheduler

import "sync/atomic"

// mh hashes the client's address into a Maglev table (Eisenbud et al., NSDI
// 2016): a change of the servers moves few clients of the others.
type mh struct {
	port, fallback bool
	builder        maglevBuilder // of Update alone
	table          atomic.Pointer[maglev]
}

func newMH(flags flagSet) Scheduler {
	return &mh{port: flags.has("mh-port"), fallback: flags.has("mh-fallback")}
}

func (s *mh) Update(candidates []*Candidate) { s.table.Store(s.builder.build(candidates)) }

func (s *mh) Pick(f *Flow) *Candidate {
	t := s.table.Load()
	if t == nil || t.places == nil {
		return nil
	}
	key := fold(f.Src)
	if s.port {
		key += uint32(f.hashedPort())
	}
	home := hsiphash(key, maglevKey1) % maglevSize
	c := t.places[home]
	if c.takes(key) {
		return c
	}
	switch {
	case !s.fallback && !c.yields():
		return nil
	case anyTakes(t.servers, key):
		return t.probe(key, home, func(c *Candidate) bool { return c.takes(key) })
	case c.usable():
		return c
	case anyUsable(t.servers):
		return t.probe(key, home, (*Candidate).usable)
	}
	return nil
}

// Peek is Pick, which leaves no trace.
func (s *mh) Peek(f *Flow) (*Candidate, bool) { return s.Pick(f), true }

// probe hashes the key again with each offset from the home place on, until it
// hits a server that fits.
func (t *maglev) probe(key, home uint32, fits func(*Candidate) bool) *Candidate {
	for i := uint32(0); i < maglevSize; i++ {
		offset := (i + home) % maglevSize
		if c := t.places[hsiphash(key+offset, maglevKey1)%maglevSize]; fits(c) {
			return c
		}
	}
	return nil
}
