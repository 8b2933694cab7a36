package scheduler

// usable reports whether the server takes new connections.
func (c *Candidate) usable() bool { return c.weight.Load() > 0 && !c.overloaded.Load() }

// load counts an active connection as much as 256 inactive ones.
func (c *Candidate) load() int64 {
	return int64(c.active.Load())*256 + int64(c.inactive.Load())
}

// anyUsable tells a search that may take long whether it can end well.
func anyUsable(list []*Candidate) bool {
	for _, c := range list {
		if c.usable() {
			return true
		}
	}
	return false
}
