package realserver

import (
	"slices"
	"time"
)

// How often one hears of what happens again and again.
const (
	seriesPlain    = 3                // the first ones are told each
	seriesGap      = 10 * time.Second // then there is a pause, which doubles
	seriesGapLimit = 10 * time.Minute
	seriesEnd      = 15 * time.Minute // without another: it is over
)

// series is the times at which the same thing happened.
type series struct {
	count       int
	first, last time.Time
	told        time.Time
	gap         time.Duration
}

// happened says that it happened now.
func (s *series) happened(now time.Time) {
	if s.over(now) {
		*s = series{first: now, gap: seriesGap}
	}
	s.count++
	s.last = now
}

// tell returns whether to tell of it now, and takes it that one does.
func (s *series) tell(now time.Time) bool {
	if s.count > seriesPlain+1 {
		if now.Sub(s.told) < s.gap {
			return false
		}
		s.gap = min(2*s.gap, seriesGapLimit)
	}
	s.told = now
	return true
}

// over says that it has not happened for long, or never did.
func (s *series) over(now time.Time) bool { return s.count == 0 || now.Sub(s.last) > seriesEnd }

// stubborn says that it comes back again and again.
func (s *series) stubborn() bool { return s.count > seriesPlain }

// seriesSet are the series of many things, by a name of each.
type seriesSet map[string]*series

// happened says that the one of that name happened now.
func (set seriesSet) happened(name string, now time.Time) *series {
	s, ok := set[name]
	if !ok {
		s = &series{}
		set[name] = s
	}
	s.happened(now)
	return s
}

// stubborn lists the names of those that come back again and again, in order.
func (set seriesSet) stubborn() []string {
	var names []string
	for name, s := range set {
		if s.stubborn() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sweep forgets what is over, and returns the stubborn ones of it.
func (set seriesSet) sweep(now time.Time) seriesSet {
	ended := seriesSet{}
	for name, s := range set {
		if !s.over(now) {
			continue
		}
		delete(set, name)
		if s.stubborn() {
			ended[name] = s
		}
	}
	return ended
}
