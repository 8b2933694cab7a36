package scheduler

import "math/rand/v2"

// twos takes the lighter of two servers drawn at random, each with a chance in
// proportion to its weight ("power of two choices", Mitzenmacher 2001).
type twos struct {
	servers
	below func(n int64) int64 // a random number from 0 to n-1
}

func newTWOS(flagSet) Scheduler { return &twos{below: rand.Int64N} }

func (s *twos) Pick(*Flow) *Candidate {
	list := s.all()
	var total int64
	var last *Candidate
	for _, c := range list {
		if w := c.Weight(); w > 0 && !c.Overloaded() {
			total += int64(w)
			last = c
		}
	}
	if last == nil {
		return nil
	}
	// The kernel draws one number more than there are shares, and the first
	// server has it: a chance of 2/4 and not of 1/3 among three equals. The
	// recordings show it.
	first, second := s.below(total+1), s.below(total+1)
	return draw(list, first, second, last)
}

// Peek returns the lightest server: it wins each draw in which it takes part,
// but only alone is it sure to.
func (s *twos) Peek(*Flow) (c *Candidate, sure bool) {
	list := s.all()
	c = lightest(list)
	for _, other := range list {
		if other != c && other.usable() {
			return c, false
		}
	}
	return c, true
}

// draw returns the lighter of the servers with the shares first and second,
// and the one of first if they are equal. If weights fell since the shares
// were counted, last stands in for who is not found.
func draw(list []*Candidate, first, second int64, last *Candidate) *Candidate {
	var one, two *Candidate
	var oneWeight, twoWeight int64
	for _, c := range list {
		w := int64(c.Weight())
		if w <= 0 || c.Overloaded() {
			continue
		}
		if first -= w; one == nil && first <= 0 {
			one, oneWeight = c, w
		}
		if second -= w; two == nil && second <= 0 {
			two, twoWeight = c, w
		}
		if one != nil && two != nil {
			break
		}
	}
	switch {
	case one == nil:
		return last
	case two != nil && twoWeight*one.load() > oneWeight*two.load():
		return two
	}
	return one
}
