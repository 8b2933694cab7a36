package condition

import (
	"math"
	"time"
)

// Scale says how what a server says of its load becomes a part of its weight. All but
// Smoothing are in percent.
type Scale struct {
	Min, Max int // what a server has at least, unless it asks for nothing, and at most; 1..Whole
	// Smoothing is the time in which two thirds of a change are made; 0: at once.
	Smoothing time.Duration
	// Step is the least change that is made: schedulers, and clients whose hash leads to
	// the server, hear of each.
	Step int
}

// settled is how near to its goal, in percent of the weight, a part no longer moves.
const settled = 0.5

// smoothLooks is how often in the time of smoothing a part is looked at while it moves,
// but not more often than every leastStep.
const smoothLooks = 5

// Load follows what a server says of its load. It is used from one goroutine. The zero
// value is a server that has not said anything.
type Load struct {
	at    time.Time // of the last step; zero: there was none
	goal  float64   // since then
	value float64   // smoothed
	share int       // that holds
	heard bool      // it has said something
}

// Step takes in what the server says now, in percent of its weight, and returns the part
// that it has, 0..Whole, and when to ask again if nothing changes before; zero: not at
// all. A server that says nothing asks for all that it may have. It may be called at any
// time; that it is called in between makes no difference to the smoothing.
//
// The first thing that a server says holds at once, and so does 0: no new connections.
// Otherwise a part moves towards what was said exponentially, as a moving average does
// (EWMA), and changes by Step or more, or to Min, Max or from 0.
func (l *Load) Step(now time.Time, s Scale, said int, says bool) (share int, next time.Time) {
	goal := float64(s.Max)
	if says {
		goal = float64(min(max(said, s.Min), s.Max))
	}
	none := says && said <= 0
	switch {
	case none:
		goal, l.value = 0, 0
	case l.at.IsZero(), says && !l.heard, s.Smoothing == 0, l.goal == 0:
		l.value = goal
	default:
		l.value = l.goal + (l.value-l.goal)*math.Exp(-float64(now.Sub(l.at))/float64(s.Smoothing))
	}
	if !none { // the limits may be others than before
		l.value = min(max(l.value, float64(s.Min)), float64(s.Max))
	}
	l.at, l.goal, l.heard = now, goal, l.heard || says
	if l.moves(s) {
		l.share = int(math.Round(l.value))
	}
	if math.Abs(l.value-goal) > settled {
		next = now.Add(max(s.Smoothing/smoothLooks, leastStep))
	}
	return l.share, next
}

// moves reports whether the part that holds becomes another one.
func (l *Load) moves(s Scale) bool {
	share := int(math.Round(l.value))
	switch {
	case share == l.share:
		return false
	case l.share == 0, share == 0, l.share < s.Min, l.share > s.Max:
		return true
	case share == s.Min, share == s.Max:
		return math.Abs(l.value-l.goal) <= settled
	}
	return math.Abs(l.value-float64(l.share)) >= float64(s.Step)-settled
}
