package scheduler

// A table from which a hash picks is laid out by weights that say what a server
// shall have, not what it may take just now: when one fails, returns or warms, no
// client of the others moves. Those of its own that it does not take are sent to
// others meanwhile, also where a flag says that weight 0 refuses them: that is for
// the weight 0 of an operator.

// SetPart says that the server has part of its weight, in percent: 0..100, for a
// while. whole is the weight that it has without that, by which hashes lay out
// their tables; 0: Weight. Call Update of the scheduler after it if whole changed.
// From the zero value on a server has all.
func (c *Candidate) SetPart(whole, percent int) {
	c.whole.Store(int32(whole))
	c.withheld.Store(int32(100 - percent))
}

// Whole returns the weight by which hashes lay out their tables.
func (c *Candidate) Whole() int {
	if w := c.whole.Load(); w > 0 {
		return int(w)
	}
	return c.Weight()
}

// yields reports whether clients of the server are sent to others for a while.
func (c *Candidate) yields() bool { return c.withheld.Load() > 0 }

// takes reports whether the server takes a new connection of the hashed key. While
// its part grows, those that it takes stay, and more come.
func (c *Candidate) takes(key uint32) bool {
	if !c.usable() {
		return false
	}
	withheld := c.withheld.Load()
	return withheld == 0 || int32(hsiphash(key, maglevKey2)%100) >= withheld
}

// anyTakes reports whether some server takes a new connection of the key.
func anyTakes(list []*Candidate, key uint32) bool {
	for _, c := range list {
		if c.takes(key) {
			return true
		}
	}
	return false
}

// Proportional reports whether a scheduler gives each server connections in
// proportion to its weight, so that a part of the weight is a part of them. For the
// others of Names weights mean nothing, or how many connections a server can bear.
func Proportional(name string) bool {
	switch name {
	case "wlc", "wrr", "sed", "nq", "twos":
		return true
	}
	return false
}

// Hashes reports whether a scheduler picks from a table by a hash alone, the same
// server for the same client again without a connection table.
func Hashes(name string) bool { return name == "sh" || name == "mh" || name == "dh" }
