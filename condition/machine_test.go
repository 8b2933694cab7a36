package condition

import (
	"encoding/json"
	"testing"
	"time"

	"lvsdr/healthcheck"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// What the checks say.
var (
	none = Input{}
	good = Input{Check: healthcheck.Up}
	bad  = Input{Check: healthcheck.Down}
)

func (in Input) disabled() Input { in.Disabled = true; return in }
func (in Input) idle() Input     { in.Idle = true; return in }
func (in Input) drained(deadline time.Duration) Input {
	in.Drained = true
	if deadline > 0 {
		in.Deadline = t0.Add(deadline)
	}
	return in
}

// moment is a step of a scenario: at a time after t0 these inputs come, and that
// follows.
type moment struct {
	at    time.Duration
	in    Input
	state State
	share int
	gone  bool
	cause Cause
}

const sec = time.Second

// TestScenarios is the table of what follows from what.
func TestScenarios(t *testing.T) {
	for name, c := range map[string]struct {
		machine Machine
		Settings
		moments []moment
	}{
		"nothing is known": {Machine{}, Settings{}, []moment{
			{0, none, Unknown, 0, false, Checked},
			{1 * sec, good, Up, 100, false, Checked},
		}},
		"assumed to be up": {Machine{}, Settings{AssumeUp: true, SlowStart: 10 * sec}, []moment{
			{0, none, Up, 100, false, Assumed},
			{1 * sec, good, Up, 100, false, Checked},
			{2 * sec, bad, Down, 0, false, Checked},
		}},
		"fails, and its connections expire": {Machine{}, Settings{Remove: true}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, bad, Down, 0, true, Checked},
			{2 * sec, good, Up, 100, false, Checked},
		}},
		"fails, and its connections go on": {Machine{}, Settings{}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, bad, Down, 0, false, Checked},
		}},
		"no slow start at the start": {Machine{}, Settings{SlowStart: 20 * sec}, []moment{
			{0, none, Unknown, 0, false, Checked},
			{1 * sec, good, Up, 100, false, Checked},
		}},
		"slow start of one that joins": {Joined(), Settings{SlowStart: 20 * sec}, []moment{
			{0, none, Unknown, 0, false, Checked},
			{1 * sec, good, Warming, 5, false, Returned},
			{11 * sec, good, Warming, 50, false, Returned},
			{21 * sec, good, Up, 100, false, Checked},
		}},
		"slow start of one that returns": {Machine{}, Settings{SlowStart: 20 * sec}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, bad, Down, 0, false, Checked},
			{10 * sec, good, Warming, 5, false, Returned},
			{12 * sec, good, Warming, 10, false, Returned},
			{12900 * time.Millisecond, good, Warming, 10, false, Returned},
			{13 * sec, good, Warming, 15, false, Returned},
			{29 * sec, good, Warming, 95, false, Returned},
			{30 * sec, good, Up, 100, false, Checked},
		}},
		"fails while it warms": {Machine{}, Settings{SlowStart: 20 * sec, Remove: true}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, bad, Down, 0, true, Checked},
			{10 * sec, good, Warming, 5, false, Returned},
			{20 * sec, bad, Down, 0, true, Checked},
			{25 * sec, good, Warming, 5, false, Returned},
			{35 * sec, good, Warming, 50, false, Returned},
		}},
		"a short slow start has few steps": {Joined(), Settings{SlowStart: 2500 * time.Millisecond}, []moment{
			{0, good, Warming, 5, false, Returned},
			{999 * time.Millisecond, good, Warming, 5, false, Returned},
			{1 * sec, good, Warming, 40, false, Returned},
			{2 * sec, good, Warming, 80, false, Returned},
			{2500 * time.Millisecond, good, Up, 100, false, Checked},
		}},
		"drained until it is empty": {Machine{}, Settings{Remove: true, SlowStart: 20 * sec}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, good.drained(0), Draining, 0, false, Ordered},
			{1000 * sec, good.drained(0), Draining, 0, false, Ordered},
			{1001 * sec, good.drained(0).idle(), Maintenance, 0, true, Emptied},
			{1002 * sec, good.drained(0), Maintenance, 0, true, Emptied},
			{1003 * sec, good, Warming, 5, false, Returned},
		}},
		"drained though it is empty": {Machine{}, Settings{}, []moment{
			{0, good.idle(), Up, 100, false, Checked},
			{1 * sec, good.drained(0).idle(), Draining, 0, false, Ordered},
			{1999 * time.Millisecond, good.drained(0).idle(), Draining, 0, false, Ordered},
			{2 * sec, good.drained(0).idle(), Maintenance, 0, true, Emptied},
		}},
		"drained until its deadline": {Machine{}, Settings{}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, good.drained(10 * sec), Draining, 0, false, Ordered},
			{9 * sec, good.drained(10 * sec), Draining, 0, false, Ordered},
			{10 * sec, good.drained(10 * sec), Maintenance, 0, true, Overtaken},
			{11 * sec, good.drained(100 * sec), Maintenance, 0, true, Overtaken},
		}},
		"drained, and taken back before the end": {Machine{}, Settings{SlowStart: 20 * sec}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, good.drained(0), Draining, 0, false, Ordered},
			{2 * sec, good, Up, 100, false, Checked},
		}},
		"drained while it warms, and taken back": {Joined(), Settings{SlowStart: 20 * sec}, []moment{
			{0, good, Warming, 5, false, Returned},
			{5 * sec, good.drained(0), Draining, 0, false, Ordered},
			{10 * sec, good, Warming, 50, false, Returned},
		}},
		"fails while it is drained: removed": {Machine{}, Settings{Remove: true}, []moment{
			{0, good.drained(0), Draining, 0, false, Ordered},
			{1 * sec, bad.drained(0), Draining, 0, true, Ordered},
			{2 * sec, bad.drained(0).idle(), Maintenance, 0, true, Emptied},
			{3 * sec, bad, Down, 0, true, Checked},
		}},
		"fails while it is drained: quiesced": {Machine{}, Settings{}, []moment{
			{0, good.drained(0), Draining, 0, false, Ordered},
			{1 * sec, bad.drained(0), Draining, 0, false, Ordered},
		}},
		"disabled": {Machine{}, Settings{SlowStart: 20 * sec}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, good.disabled(), Maintenance, 0, true, Ordered},
			{2 * sec, bad.disabled(), Maintenance, 0, true, Ordered},
			{3 * sec, bad, Down, 0, false, Checked},
			{4 * sec, bad.disabled(), Maintenance, 0, true, Ordered},
			{5 * sec, good.disabled(), Maintenance, 0, true, Ordered},
			{6 * sec, good, Warming, 5, false, Returned},
		}},
		"disabled before the first result": {Machine{}, Settings{}, []moment{
			{0, none.disabled(), Maintenance, 0, true, Ordered},
			{1 * sec, none, Unknown, 0, false, Checked},
		}},
		"disabled wins over drained": {Machine{}, Settings{}, []moment{
			{0, good.drained(0), Draining, 0, false, Ordered},
			{1 * sec, good.drained(0).disabled(), Maintenance, 0, true, Ordered},
		}},
		"the fourth failure costs time": {Machine{}, Settings{}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, bad, Down, 0, false, Checked},
			{2 * sec, good, Up, 100, false, Checked},
			{3 * sec, bad, Down, 0, false, Checked},
			{4 * sec, good, Up, 100, false, Checked},
			{5 * sec, bad, Down, 0, false, Checked},
			{6 * sec, good, Up, 100, false, Checked},
			{7 * sec, bad, Down, 0, false, Checked},
			{8 * sec, good, Down, 0, false, Flapping},
			{17 * sec, good, Down, 0, false, Flapping},
			{18 * sec, good, Up, 100, false, Checked},
			{19 * sec, bad, Down, 0, false, Checked},
			{20 * sec, good, Down, 0, false, Flapping},
			{39 * sec, good, Down, 0, false, Flapping},
			{40 * sec, good, Up, 100, false, Checked},
		}},
		"failures are forgiven": {Machine{}, Settings{}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, bad, Down, 0, false, Checked},
			{2 * sec, good, Up, 100, false, Checked},
			{3 * sec, bad, Down, 0, false, Checked},
			{4 * sec, good, Up, 100, false, Checked},
			{5 * sec, bad, Down, 0, false, Checked},
			{6 * sec, good, Up, 100, false, Checked},
			{66 * sec, bad, Down, 0, false, Checked},
			{67 * sec, good, Up, 100, false, Checked},
			{68 * sec, bad, Down, 0, false, Checked},
			{69 * sec, good, Down, 0, false, Flapping},
		}},
		"time out of use forgives nothing": {Machine{}, Settings{}, []moment{
			{0, good, Up, 100, false, Checked},
			{1 * sec, bad, Down, 0, false, Checked},
			{2 * sec, good, Up, 100, false, Checked},
			{3 * sec, bad, Down, 0, false, Checked},
			{4 * sec, good, Up, 100, false, Checked},
			{5 * sec, bad, Down, 0, false, Checked},
			{3600 * sec, good, Up, 100, false, Checked},
			{3601 * sec, bad, Down, 0, false, Checked},
			{3602 * sec, good, Down, 0, false, Flapping},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := c.machine
			for _, w := range c.moments {
				d := m.Step(t0.Add(w.at), c.Settings, w.in)
				if d.State != w.state || d.Share != w.share || d.Gone != w.gone || d.Cause != w.cause {
					t.Errorf("at %v: %v (%s), share %d, gone %v; want %v (%s), share %d, gone %v",
						w.at, d.State, d.Cause, d.Share, d.Gone, w.state, w.cause, w.share, w.gone)
				}
			}
		})
	}
}

// TestNext: a Machine says when it has something to say.
func TestNext(t *testing.T) {
	warm := Settings{SlowStart: 40 * sec}
	m := Joined()
	if d := m.Step(t0, warm, good); d.Next != t0.Add(2*sec) || d.Until != t0.Add(40*sec) {
		t.Errorf("warming: %+v", d)
	}
	if d := m.Step(t0.Add(39*sec), warm, good); d.Next != t0.Add(40*sec) {
		t.Errorf("the last step: %+v", d)
	}
	if d := m.Step(t0.Add(40*sec), warm, good); !d.Next.IsZero() || !d.Until.IsZero() {
		t.Errorf("up: %+v", d)
	}
	if d := m.Step(t0.Add(40*sec), warm, good.drained(45*sec)); d.Next != t0.Add(41*sec) || d.Until != t0.Add(45*sec) {
		t.Errorf("draining: %+v", d)
	}
	if d := m.Step(t0.Add(44500*time.Millisecond), warm, good.drained(45*sec)); d.Next != t0.Add(45*sec) {
		t.Errorf("draining, near its end: %+v", d)
	}
	m = Restored(Memory{State: Down, Since: t0, Falls: 4, Fell: t0})
	if d := m.Step(t0.Add(sec), warm, good); d.State != Down || d.Next != t0.Add(11*sec) || d.Until != d.Next {
		t.Errorf("held: %+v", d)
	}
}

// TestPenalties grow, and have an end.
func TestPenalties(t *testing.T) {
	want := []time.Duration{0, 0, 0, 0, 10 * sec, 20 * sec, 40 * sec, 80 * sec, 160 * sec, 300 * sec}
	for falls, p := range want {
		if got := penalty(falls); got != p {
			t.Errorf("after %d failures: %v, want %v", falls, got, p)
		}
	}
	if len(want) != mostFalls+1 {
		t.Errorf("%d failures are counted at most", mostFalls)
	}
}

// TestForgive: an operator who puts a server back does not wait.
func TestForgive(t *testing.T) {
	m := Restored(Memory{State: Down, Since: t0, Falls: 9, Fell: t0})
	if d := m.Step(t0, Settings{}, good); d.State != Down {
		t.Fatalf("%+v", d)
	}
	m.Forgive()
	if d := m.Step(t0, Settings{}, good); d.State != Up {
		t.Errorf("%+v", d)
	}
}

// TestMemorySurvives: a restart neither repeats slow start nor ends a penalty.
func TestMemorySurvives(t *testing.T) {
	s := Settings{SlowStart: 20 * sec}
	m := Joined()
	m.Step(t0, s, good)
	m = again(t, &m)
	if d := m.Step(t0.Add(10*sec), s, good); d.State != Warming || d.Share != 50 || !d.Since.Equal(t0) {
		t.Errorf("warming: %+v", d)
	}
	m = Restored(Memory{State: Down, Since: t0, Falls: 5, Fell: t0, Good: t0})
	m = again(t, &m)
	if d := m.Step(t0.Add(19*sec), s, good); d.State != Down || d.Cause != Flapping {
		t.Errorf("held: %+v", d)
	}
	if d := m.Step(t0.Add(20*sec), s, good); d.State != Warming {
		t.Errorf("no longer held: %+v", d)
	}
}

// again is the machine after a restart.
func again(t *testing.T, m *Machine) Machine {
	t.Helper()
	data, err := json.Marshal(m.Memory())
	if err != nil {
		t.Fatal(err)
	}
	var memory Memory
	if err := json.Unmarshal(data, &memory); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return Restored(memory)
}

// TestClockIsSetBack: what a restart finds to lie ahead began just now.
func TestClockIsSetBack(t *testing.T) {
	later := t0.Add(time.Hour)
	m := Restored(Memory{State: Warming, Since: later, Warm: later, Good: later, Falls: 1, Fell: later})
	d := m.Step(t0, Settings{SlowStart: 20 * sec}, good)
	if d.State != Warming || d.Share != 5 || !d.Since.Equal(t0) || d.Next.After(t0.Add(20*sec)) {
		t.Errorf("%+v", d)
	}
	if d := m.Step(t0.Add(20*sec), Settings{SlowStart: 20 * sec}, good); d.State != Up {
		t.Errorf("%+v", d)
	}
}

func TestStateNames(t *testing.T) {
	for i, name := range States() {
		var s State
		if err := s.UnmarshalText([]byte(name)); err != nil || s != State(i) || s.String() != name {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if s := State(99); s.UnmarshalText([]byte("sideways")) == nil || s.String() != "State(99)" {
		t.Errorf("%v", s)
	}
}
