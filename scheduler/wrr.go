package scheduler

import "sync"

// wrr gives the servers turns in proportion to their weights, interleaved. It
// goes through the list at a level that falls from the greatest weight to 1 in
// steps of the weights' greatest common divisor, and takes the servers whose
// weight reaches the level.
type wrr struct {
	mu   sync.Mutex
	list []weighted
	turn
	top  int // highest level; 0: all weights are 0
	step int
}

// turn is how far a round has come.
type turn struct {
	last  int // index of the server used last; -1: the round starts at the list's head
	level int
}

// weighted keeps the weights in one array, so that a pass over a thousand
// servers touches few cache lines.
type weighted struct {
	server *Candidate
	weight int // as of the last Update
}

func newWRR(flagSet) Scheduler { return &wrr{turn: turn{last: -1}, step: 1} }

// Update treats a list with several changes as the kernel, which hears of
// them one by one: departures and new weights first, then each new server, the
// last in the list first. The level that results depends on it.
func (s *wrr) Update(candidates []*Candidate) {
	list := make([]weighted, len(candidates))
	for i, c := range candidates {
		list[i] = weighted{c, c.Weight()}
	}
	// Only Update writes s.list, so it reads it without the mutex.
	scales := changes(s.list, list)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sc := range scales {
		s.relevel(sc)
	}
	s.list, s.last = list, -1
}

// scale is what the levels follow from: the greatest common divisor and the
// greatest of the weights; 0, 0 if none is above 0.
type scale struct{ divisor, greatest int }

func (sc scale) with(weight int) scale {
	return scale{gcd(sc.divisor, weight), max(sc.greatest, weight)}
}

// changes returns the scales that the kernel would go through from one list to
// another, each but the repeated.
func changes(from, to []weighted) []scale {
	known := make(map[*Candidate]bool, len(from))
	for _, w := range from {
		known[w.server] = true
	}
	var now scale
	for _, w := range to {
		if known[w.server] {
			now = now.with(w.weight)
		}
	}
	all := []scale{now}
	for i := len(to) - 1; i >= 0; i-- {
		if known[to[i].server] {
			continue
		}
		if next := now.with(to[i].weight); next != now {
			now = next
			all = append(all, now)
		}
	}
	return all
}

// relevel keeps the level where it is, as far as the new weights have it.
func (s *wrr) relevel(sc scale) {
	s.step = max(sc.divisor, 1)
	s.top = sc.greatest - (s.step - 1)
	switch {
	case s.level > s.top || s.level == 0:
		s.level = s.top
	case s.step > 1:
		s.level = s.level/s.step*s.step + 1
	}
}

func (s *wrr) Pick(*Flow) *Candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, after := s.next()
	s.turn = after
	return c
}

func (s *wrr) Peek(*Flow) (*Candidate, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, _ := s.next()
	return c, true
}

// next returns the server whose turn it is, nil if none is usable, and how far
// the round has come with it.
func (s *wrr) next() (*Candidate, turn) {
	if s.top == 0 {
		return nil, s.turn
	}
	if i, _ := s.scan(s.last+1, s.level); i >= 0 {
		return s.list[i].server, turn{i, s.level}
	}
	level := s.level - s.step
	if level <= 0 {
		level = s.top
	}
	for {
		i, best := s.scan(0, level)
		if i >= 0 {
			return s.list[i].server, turn{i, level}
		}
		if best == 0 {
			return nil, s.rest()
		}
		// Levels that nobody reaches are passed over at once: a round never
		// costs more because the one server of weight 65535 is overloaded.
		level -= (level - best + s.step - 1) / s.step * s.step
	}
}

// scan looks for a usable server whose weight reaches the level, from index i
// on, and returns its index; without one -1 and the greatest weight that a
// usable server has.
func (s *wrr) scan(i, level int) (found, best int) {
	for ; i < len(s.list); i++ {
		w := &s.list[i]
		if w.weight <= best || !w.server.usable() {
			continue
		}
		if w.weight >= level {
			return i, w.weight
		}
		best = w.weight
	}
	return -1, best
}

// rest is where the kernel leaves a round when nobody is usable: at its start,
// unless it is within the last level; then nothing moves.
func (s *wrr) rest() turn {
	if s.last >= 0 && s.level <= s.step {
		return s.turn
	}
	return turn{-1, s.top}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
