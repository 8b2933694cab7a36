package condition

import (
	"time"

	"lvsdr/healthcheck"
)

// Whole is the share of a server that takes all that its weight says, in percent.
const Whole = 100

// lookEvery is how often a server is asked whether its last connection has ended, and
// after what time of draining for the first time: a connection may have been on its
// way when it began.
const lookEvery = time.Second

// Settings are what a service says about its servers.
type Settings struct {
	AssumeUp  bool          // a server is up before the first result of its checks
	SlowStart time.Duration // over which a server that returns takes up its share; 0: at once
	Remove    bool          // the connections of a server that fails expire at once; else they go on
}

// Input is what is known of a server.
type Input struct {
	// Check is what its checks say. A state that was taken over and is not
	// confirmed yet counts as any other.
	Check healthcheck.State
	// Disabled: an operator took it out of service.
	Disabled bool
	// Drained: an operator wants it empty. Deadline is when what is left is cut
	// off; zero: never.
	Drained  bool
	Deadline time.Time
	// Idle: no connection to it is left.
	Idle bool
}

// Decision is what becomes of a server.
type Decision struct {
	State State
	Since time.Time // of the state
	Cause Cause     // of it
	// Share is which part of its weight the server has, in percent, 0..Whole. It
	// is above 0 just while the state is in use.
	Share int
	// Gone: its connections expire at once.
	Gone bool
	// Until is when the state ends by itself: slow start, waiting out a penalty, or
	// the deadline of draining; zero: not.
	Until time.Time
	// Next is when to ask again if no input changes before; zero: not at all.
	Next time.Time
}

// Cause says why a server is in its state.
type Cause string

// The causes.
const (
	Checked   Cause = "check"    // its checks say so
	Assumed   Cause = "assumed"  // nothing is known yet, and the service assumes so
	Returned  Cause = "return"   // it came back, or joined its service
	Flapping  Cause = "flapping" // it failed too often lately
	Ordered   Cause = "order"    // an operator did
	Emptied   Cause = "empty"    // draining: its last connection has ended
	Overtaken Cause = "deadline" // draining: its time is over
)

// Memory is what a Machine knows of the past. It may be stored and given to
// another Machine after a restart; times in it are wall-clock times then.
type Memory struct {
	State State     `json:"state"`
	Since time.Time `json:"since"`
	Cause Cause     `json:"cause,omitempty"`
	// Good is since when the checks say without a break that the server is up; zero:
	// they do not.
	Good time.Time `json:"good,omitzero"`
	// Warm is when slow start began; zero: there is none.
	Warm time.Time `json:"warm,omitzero"`
	// Falls are the failures not yet forgiven, and Fell when the last came, or was
	// forgiven.
	Falls int       `json:"falls,omitempty"`
	Fell  time.Time `json:"fell,omitzero"`
}

// Machine follows one real server. It is used from one goroutine. The zero value is
// a server that is there from the start: it has its whole share as soon as it is
// up.
type Machine struct {
	memory Memory
	joined bool
}

// Restored returns the Machine of a server that was known before a restart.
func Restored(m Memory) Machine { return Machine{memory: m} }

// Joined returns the Machine of a server that joins others that are at work: its
// first way up is a slow start.
func Joined() Machine { return Machine{joined: true} }

// Memory returns what the Machine knows of the past.
func (m *Machine) Memory() Memory { return m.memory }

// Forgive forgets the failures, so that the server need not wait any longer. An
// operator who puts a server back into service wants it now.
func (m *Machine) Forgive() { m.memory.Falls, m.memory.Fell = 0, time.Time{} }

// Step takes in what is known now and decides. It may be called at any time; that
// it is called in between, when neither an input has changed nor Next has come,
// makes no difference.
func (m *Machine) Step(now time.Time, s Settings, in Input) Decision {
	m.notLater(now)
	m.pardon(now)
	m.observe(now, in.Check)
	state, cause := m.next(now, s, &in)
	m.enter(now, state, cause)
	d := Decision{State: state, Since: m.memory.Since, Cause: m.memory.Cause}
	switch state {
	case Up:
		d.Share = Whole
	case Warming:
		d.Share, d.Next = warmth(now.Sub(m.memory.Warm), s.SlowStart, m.memory.Warm)
		d.Until = m.memory.Warm.Add(s.SlowStart)
	case Down:
		d.Gone = s.Remove
		if cause == Flapping {
			d.Until = m.memory.Good.Add(penalty(m.memory.Falls))
			d.Next = d.Until
		}
	case Draining:
		d.Gone = s.Remove && in.Check == healthcheck.Down
		d.Until, d.Next = in.Deadline, now.Add(lookEvery)
		if first := d.Since.Add(lookEvery); now.Before(first) {
			d.Next = first
		}
		if !in.Deadline.IsZero() && in.Deadline.Before(d.Next) {
			d.Next = in.Deadline
		}
	case Maintenance:
		d.Gone = true
	}
	return d
}

// next is the state that follows. What an operator ordered comes first.
func (m *Machine) next(now time.Time, s Settings, in *Input) (State, Cause) {
	switch {
	case in.Disabled:
		return Maintenance, Ordered
	case in.Drained:
		return m.drain(now, in)
	case in.Check == healthcheck.Down:
		return Down, Checked
	case in.Check == healthcheck.Up && m.isHeld(now):
		return Down, Flapping
	case in.Check == healthcheck.Up:
		return m.use(now, s, Checked)
	case s.AssumeUp:
		return m.use(now, s, Assumed)
	}
	return Unknown, Checked
}

// drain is the state of a server that shall become empty. One that is stays out,
// whatever the deadline becomes.
func (m *Machine) drain(now time.Time, in *Input) (State, Cause) {
	switch {
	case m.memory.State == Maintenance:
		return Maintenance, m.memory.Cause
	case in.Idle && m.memory.State == Draining && now.Sub(m.memory.Since) >= lookEvery:
		return Maintenance, Emptied
	case !in.Deadline.IsZero() && !now.Before(in.Deadline):
		return Maintenance, Overtaken
	}
	return Draining, Ordered
}

// use is the state of a server that nothing keeps from being used. One that was in
// use until now, or was about to be drained, goes on as it was.
func (m *Machine) use(now time.Time, s Settings, why Cause) (State, Cause) {
	returns := false
	switch m.memory.State {
	case Down, Maintenance:
		returns = true
	case Unknown:
		returns = m.joined
	}
	if returns {
		m.memory.Warm = now
	}
	if m.memory.Warm.IsZero() || now.Sub(m.memory.Warm) >= s.SlowStart {
		m.memory.Warm = time.Time{}
		return Up, why
	}
	return Warming, Returned
}

// enter notes a new state.
func (m *Machine) enter(now time.Time, to State, why Cause) {
	from := m.memory.State
	if from == to && !m.memory.Since.IsZero() {
		m.memory.Cause = why
		return
	}
	m.memory.State, m.memory.Since, m.memory.Cause = to, now, why
	switch {
	case to == Down, to == Maintenance, to == Unknown:
		m.memory.Warm = time.Time{}
	case to.InUse() && !from.InUse() && m.memory.Falls > 0:
		m.memory.Fell = now // only a server in use earns to be forgiven
	}
	if to != Unknown {
		m.joined = false
	}
}

// notLater makes no moment in the memory lie ahead, as it may after a restart if
// the clock was set back.
func (m *Machine) notLater(now time.Time) {
	for _, t := range []*time.Time{&m.memory.Since, &m.memory.Good, &m.memory.Warm, &m.memory.Fell} {
		if t.After(now) {
			*t = now
		}
	}
}
