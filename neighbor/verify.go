package neighbor

import (
	"time"

	"lvsdr/frame"
)

const (
	verifyAgain = 250 * time.Millisecond
	verifyTries = 3
)

// verification is the question whether a server has moved. Candidate and old
// MAC address are both asked by unicast, three times; a live old one ends it.
type verification struct {
	candidate frame.MAC // zero: no verification is under way
	queued    frame.MAC // the next candidate
	tries     int
	next      time.Time
	again     bool // the candidate is a known conflict

	candidateLives, oldLives bool // answered since it began
}

func (v *verification) active() bool { return !v.candidate.IsZero() }

// verify starts a verification, or remembers the candidate for after the
// present one.
func (m *Machine) verify(now time.Time, e *entry, candidate frame.MAC) {
	if e.check.active() {
		if candidate != e.check.candidate {
			e.check.queued = candidate
		}
		return
	}
	e.check = verification{candidate: candidate, next: now}
	m.stepVerify(now, e)
}

// verifyConflict asks whether a known conflict lasts, which nobody says of itself.
func (m *Machine) verifyConflict(now time.Time, e *entry) {
	if !e.conflict.IsZero() && !e.check.active() {
		m.verify(now, e, e.conflict)
		e.check.again = true
	}
}

func (m *Machine) stepVerify(now time.Time, e *entry) {
	v := &e.check
	if v.tries == verifyTries {
		m.decide(now, e)
		return
	}
	v.tries++
	v.next = now.Add(verifyAgain)
	if !v.oldLives {
		m.request(e, e.mac)
	}
	if !v.candidateLives {
		m.request(e, v.candidate)
	}
}

// verifyReply takes a solicited reply from one of the two and ends the
// verification when both have answered.
func (m *Machine) verifyReply(now time.Time, e *entry, from frame.MAC) {
	v := &e.check
	if from == v.candidate {
		v.candidateLives = true
	}
	if from == e.mac {
		v.oldLives = true
	}
	if v.candidateLives && v.oldLives {
		m.decide(now, e)
	}
}

// decide ends a verification.
func (m *Machine) decide(now time.Time, e *entry) {
	v := e.check
	e.check = verification{}
	switch {
	case !v.candidateLives && v.again:
		e.conflict, e.conflictSince = frame.MAC{}, time.Time{}
	case !v.candidateLives:
		m.spoof(now, e, v.candidate, "it does not answer when asked")
	case v.oldLives && v.again:
	case v.oldLives:
		m.conflict(now, e, v.candidate)
	default:
		m.adopt(now, e, v.candidate)
	}
	if next := v.queued; !next.IsZero() && next != e.mac {
		m.verify(now, e, next)
	}
}

// conflict reports another host that answers as well as the old one.
func (m *Machine) conflict(now time.Time, e *entry, other frame.MAC) {
	if e.conflict != other {
		e.conflict, e.conflictSince = other, now
	}
	if !e.conflictTold.IsZero() && now.Sub(e.conflictTold) < reportEvery {
		return
	}
	e.conflictTold = now
	m.event(Event{Time: now, Kind: Conflict, Addr: e.addr, MAC: e.mac, Other: other})
}

// spoof counts and names a claim that is not believed.
func (m *Machine) spoof(now time.Time, e *entry, by frame.MAC, why string) {
	e.spoofed++
	e.spoofer = by
	if !e.spoofedTold.IsZero() && now.Sub(e.spoofedTold) < reportEvery {
		return
	}
	e.spoofedTold = now
	m.event(Event{Time: now, Kind: Spoofed, Addr: e.addr, MAC: e.mac, Other: by, Why: why})
}
