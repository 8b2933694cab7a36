package wire

import "math"

// Search finds the highest rate that passes: the one at which no more than some
// share of the frames is lost. It is told what each trial lost, and says at which
// rate to try next. It knows no time and no frames.
//
// It goes down to what arrived until one rate has passed, up from there in steps
// that double until one has failed, and then tries between them until they are
// close. A rate fails when it does so twice: other programs on the machine lose
// frames too.
type Search struct {
	limit     float64 // of loss, 0..1
	precision float64 // the rates are close: high is at most so much above low
	left      int     // trials
	next      float64
	doubted   bool    // the next rate has failed once
	low, high float64 // highest that passed, lowest that failed; 0: none yet
	step      float64 // up, as a share
}

// Steps of a search.
const (
	searchTrials = 16
	searchDown   = 0.97 // at most so much of a rate that failed
	searchFloor  = 100  // frames a second: what does not pass at this rate passes at none
)

// NewSearch starts at a rate in frames a second, for a loss below limit (0.001 is
// 0.1 %). Where it ends, a rate higher by precision (0.02 is 2 %) has failed.
func NewSearch(start, limit, precision float64) *Search {
	return &Search{
		limit: limit, precision: precision, left: searchTrials,
		next: math.Max(start, searchFloor), step: 2 * precision,
	}
}

// Next returns the rate to try; false when the search is over.
func (s *Search) Next() (rate float64, more bool) {
	over := s.left == 0 || s.low > 0 && s.high > 0 && s.high/s.low <= 1+s.precision ||
		s.low == 0 && s.high > 0 && s.high <= searchFloor
	return s.next, !over
}

// Report tells what a trial at the rate of Next lost, and at which rate frames
// were really sent, which may be less: a sender that falls behind ends the way up.
func (s *Search) Report(sent, loss float64) {
	s.left--
	asked := s.next
	if s.doubted = loss >= s.limit && !s.doubted; s.doubted && s.left > 0 {
		return // the same again
	}
	s.doubted = false
	if loss < s.limit {
		s.low = math.Max(s.low, sent)
		s.step *= 2
	}
	if loss >= s.limit || sent < asked/(1+s.precision/4) {
		s.fail(asked)
	}
	s.next = s.low * (1 + s.step/2)
	switch {
	case s.low == 0:
		s.next = math.Max(math.Min(sent*(1-loss), s.high*searchDown), searchFloor)
	case s.high > 0:
		s.next = math.Min(s.next, math.Sqrt(s.low*s.high))
	}
}

// fail notes the lowest rate that failed. One below a rate that passed was noise,
// of which the search cannot know: the rate that passed counts.
func (s *Search) fail(rate float64) {
	if s.high == 0 || rate < s.high {
		s.high = math.Max(rate, s.low)
	}
}

// Found returns the highest rate that passed; 0: none did.
func (s *Search) Found() float64 { return s.low }
