package healthcheck

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

const (
	// Probes with the same interval start a multiple of a tick apart: a 50th of the
	// interval, at most maxTick. Those of one tick wake the process once, and 2,000
	// probes a second cost a quarter less than one by one. Jitter gives that up.
	maxTick = 20 * time.Millisecond
	ticks   = 50
	// firstWithin is the time over which the first probes of new targets are
	// spread, unless they are so many that firstGap is more.
	firstWithin = 100 * time.Millisecond
	firstGap    = 500 * time.Microsecond
	// standstill is how late a timer or a deadline may be. Beyond that the process
	// was stopped, or its host was, and so are all of its probes late.
	standstill = 100 * time.Millisecond
)

// schedule says when the probes of one target start. It is pure but for chance:
// what happened goes in, a time comes out. All times need their monotonic reading.
type schedule struct {
	spec  Spec      // normal
	epoch time.Time // from which the slots of all targets are counted
	place uint64    // of the target's slots in any interval, in 1/2^64 of it
}

// newSchedule returns the schedule of the n-th target. The places of successive
// targets are multiples of the golden ratio apart, which spreads any number of
// them evenly, whoever comes and goes.
func newSchedule(spec Spec, epoch time.Time, n uint64) schedule {
	return schedule{spec: spec, epoch: epoch, place: n * 0x9E3779B97F4A7C15} // 2^64 / golden ratio
}

// next returns when the probe starts that follows one, given what is known since:
// at most an interval after that one started, which is what the bounds on
// detection and return rest on. It may be before that one ended.
func (s *schedule) next(known *Status, started, ended time.Time) time.Time {
	at := s.slotAfter(started, s.interval(known))
	if retry := ended.Add(s.spec.DelayBeforeRetry); s.retries(known) && retry.Before(at) {
		return retry
	}
	return at
}

// interval is the longest time from one start to the next. A server that is down
// and begins to answer is asked by the shorter one until it is up.
func (s *schedule) interval(known *Status) time.Duration {
	switch {
	case known.State != Down:
		return s.spec.Every
	case known.Successes > 0:
		return min(s.spec.Every, s.spec.EveryDown)
	}
	return s.spec.EveryDown
}

// retries reports whether the server is asked again before its slot: after each
// of the first failures in a row, until they have decided.
func (s *schedule) retries(known *Status) bool {
	return known.State != Down && known.Failures > 0 && known.Failures <= s.spec.Retry
}

// slotAfter returns a time later than t, at most d later. The slots of a target
// are d less half of the jitter apart, and a probe starts up to the other half
// after its slot, by chance: from start to start it is d at most, and d less the
// jitter at least.
func (s *schedule) slotAfter(t time.Time, d time.Duration) time.Time {
	late := d * time.Duration(s.spec.Jitter) / 200
	apart := d - late
	place := s.part(apart).Truncate(min(maxTick, d/ticks))
	since := t.Sub(s.epoch) + apart - place // later than a slot that is before all
	return t.Add(apart - since%apart + time.Duration(rand.Int64N(int64(late)+1)))
}

// soon returns how long the target waits when n are to be asked at once.
func (s *schedule) soon(n int) time.Duration {
	return s.part(min(s.spec.Every, max(firstWithin, time.Duration(n)*firstGap)))
}

// part returns the target's place in d: from 0 to less than d.
func (s *schedule) part(d time.Duration) time.Duration {
	high, _ := bits.Mul64(s.place, uint64(d))
	return time.Duration(high)
}
