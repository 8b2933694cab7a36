package healthcheck

import (
	"fmt"
	"time"
)

// State is what is believed of a real server.
type State uint8

// The states. Unknown is the zero value: nothing has been decided yet.
const (
	Unknown State = iota
	Up
	Down
)

var stateNames = [...]string{Unknown: "unknown", Up: "up", Down: "down"}

// String returns "unknown", "up" or "down".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText returns String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a state of a real server", text)
}

// Status is a state with what led to it.
type Status struct {
	State State
	// Since is when State began; zero while it is Unknown. A state that was
	// restored began when it was restored.
	Since time.Time
	// Believed is set while State was taken over (Monitor.Restore, or a
	// changed Spec) and no probe has confirmed or refuted it yet.
	Believed bool

	Message   string        // of the last probe; "" before it
	LastCheck time.Time     // end of the last probe
	RTT       time.Duration // of the last probe
	Warning   string        // of the last probe that succeeded
	// Weight is what the server said last that its weight should be, if Weighted; with
	// Percent in percent of the configured one.
	Weight   int
	Weighted bool
	Percent  bool

	Successes, Failures int    // in a row, up to the last probe
	Checks, Failed      uint64 // since the probe exists
}

// observe takes one result into the account and reports whether the state
// changed.
//
// From Unknown, one success suffices: a server that answers is of use at once,
// as with keepalived and HAProxy. A first failure does not suffice, since one
// lost probe at start would then cost a server `rise` more probes: Unknown,
// like Up, becomes Down after `fall` failures in a row. Down becomes Up after
// `rise` successes in a row. A state taken over counts as any other.
func (s *Status) observe(now time.Time, r Result, rise, fall int) (changed bool) {
	s.Checks++
	s.Message, s.LastCheck, s.RTT = r.Message, now, r.RTT
	if r.OK {
		s.Successes, s.Failures = s.Successes+1, 0
		s.Warning, s.Weight, s.Weighted, s.Percent = r.Warning, r.Weight, r.Weighted, r.Percent
		if s.State == Unknown || s.State == Down && s.Successes >= rise {
			return s.enter(now, Up)
		}
		s.Believed = s.Believed && s.State == Down
		return false
	}
	s.Failed++
	s.Successes, s.Failures = 0, s.Failures+1
	if s.State != Down && s.Failures >= fall {
		return s.enter(now, Down)
	}
	s.Believed = s.Believed && s.State == Up
	return false
}

func (s *Status) enter(now time.Time, to State) bool {
	s.State, s.Since, s.Believed = to, now, false
	return true
}
