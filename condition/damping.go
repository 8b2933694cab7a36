package condition

import (
	"time"

	"lvsdr/healthcheck"
)

// A server may fail freeFalls times, each time returning as soon as its checks
// allow. From then on the checks must find it well for a time without a break
// before it is used again: firstPenalty, and twice as long with each further
// failure, up to lastPenalty. For each pardonEvery that it is in use one failure
// is forgiven.
const (
	freeFalls    = 3
	firstPenalty = 10 * time.Second
	lastPenalty  = 5 * time.Minute
	pardonEvery  = time.Minute
	mostFalls    = freeFalls + 6 // 10 s << 5 is above lastPenalty
)

// penalty is for how long a server that has failed so often must be well.
func penalty(falls int) time.Duration {
	if falls <= freeFalls {
		return 0
	}
	return min(firstPenalty<<(falls-freeFalls-1), lastPenalty)
}

// observe follows the checks. Each time that they take back that a server is up is
// a failure, also while it is held: who goes on failing goes on waiting.
func (m *Machine) observe(now time.Time, check healthcheck.State) {
	switch {
	case check == healthcheck.Up && m.memory.Good.IsZero():
		m.memory.Good = now
	case check == healthcheck.Down && !m.memory.Good.IsZero():
		m.memory.Good = time.Time{}
		m.memory.Falls, m.memory.Fell = min(m.memory.Falls+1, mostFalls), now
	case check == healthcheck.Unknown:
		m.memory.Good = time.Time{}
	}
}

// isHeld reports whether a server that is well has not been so for long enough.
func (m *Machine) isHeld(now time.Time) bool {
	return now.Sub(m.memory.Good) < penalty(m.memory.Falls)
}

// pardon forgives what is to be forgiven by now.
func (m *Machine) pardon(now time.Time) {
	if m.memory.Falls == 0 || !m.memory.State.InUse() {
		return
	}
	n := min(int(now.Sub(m.memory.Fell)/pardonEvery), m.memory.Falls)
	m.memory.Falls -= n
	m.memory.Fell = m.memory.Fell.Add(time.Duration(n) * pardonEvery)
	if m.memory.Falls == 0 {
		m.memory.Fell = time.Time{}
	}
}
