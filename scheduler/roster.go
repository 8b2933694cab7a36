package scheduler

// roster is one list of the servers with what the algorithms that remember
// servers ask of it; it never changes.
type roster struct {
	list []*Candidate
	// alone has for each server the set of it alone: nobody allocates to
	// remember one server.
	alone map[*Candidate][]*Candidate
}

// next returns the roster of another list. A server that stays keeps its set,
// so that what was remembered keeps no lists in memory.
func (r *roster) next(list []*Candidate) *roster {
	n := &roster{list: list, alone: make(map[*Candidate][]*Candidate, len(list))}
	for _, c := range list {
		var set []*Candidate
		if r != nil {
			set = r.alone[c]
		}
		if set == nil {
			set = []*Candidate{c}
		}
		n.alone[c] = set
	}
	return n
}

// has reports whether the server is in the list.
func (r *roster) has(c *Candidate) bool {
	_, ok := r.alone[c]
	return ok
}

// keeps reports whether a destination stays with the server, which it had.
func (r *roster) keeps(c *Candidate) bool {
	return c.Weight() > 0 && r.has(c) && !r.relieves(c)
}

// relieves reports whether a destination should leave the server: it has more
// active connections than its weight, while another has less than half.
func (r *roster) relieves(c *Candidate) bool {
	if c.Active() <= c.Weight() {
		return false
	}
	for _, other := range r.list {
		if 2*other.Active() < other.Weight() {
			return true
		}
	}
	return false
}
