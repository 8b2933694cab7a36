package condition

import (
	"math/rand/v2"
	"testing"
	"time"

	"lvsdr/healthcheck"
)

// tick is how often the twin looks: all times of the rules are multiples of it.
const tick = 250 * time.Millisecond

// twin is the slow, obvious Machine: it looks at every tick and counts how many
// went by.
type twin struct {
	state   State
	joined  bool
	well    int // ticks since the checks say up; -1: they do not
	warm    int // ticks of slow start that went by; -1: there is none
	falls   int
	earned  int // ticks in use towards the next pardon
	drained int // ticks of draining that went by
}

func newTwin(joined bool) *twin { return &twin{joined: joined, well: -1, warm: -1} }

func (w *twin) step(now time.Time, s Settings, in Input) (State, int) {
	w.count(in.Check)
	was := w.state
	w.drained++
	w.state = w.decide(now, s, in)
	if was != Draining {
		w.drained = 0
	}
	if !w.state.InUse() || !was.InUse() {
		w.earned = 0
	}
	if w.state == Down || w.state == Maintenance || w.state == Unknown {
		w.warm = -1
	}
	if w.state != Unknown {
		w.joined = false
	}
	switch w.state {
	case Up:
		return Up, 100
	case Warming:
		elapsed := time.Duration(w.warm) * tick
		grown := elapsed - elapsed%max(s.SlowStart/20, time.Second)
		return Warming, max(5, int(100*grown/s.SlowStart))
	}
	return w.state, 0
}

// count lets a tick go by.
func (w *twin) count(check healthcheck.State) {
	if w.warm >= 0 {
		w.warm++
	}
	if w.state.InUse() {
		if w.earned++; time.Duration(w.earned)*tick == time.Minute {
			w.earned = 0
			w.falls = max(w.falls-1, 0)
		}
	}
	switch check {
	case healthcheck.Up:
		w.well++
	case healthcheck.Down:
		if w.well >= 0 {
			w.falls, w.earned = min(w.falls+1, 9), 0
		}
		w.well = -1
	default:
		w.well = -1
	}
}

func (w *twin) decide(now time.Time, s Settings, in Input) State {
	waits := []int{0, 0, 0, 0, 10, 20, 40, 80, 160, 300}
	if in.Disabled {
		return Maintenance
	}
	if in.Drained {
		empty := in.Idle && w.state == Draining && time.Duration(w.drained)*tick >= time.Second
		over := empty || !in.Deadline.IsZero() && !now.Before(in.Deadline)
		if w.state == Maintenance || over {
			return Maintenance
		}
		return Draining
	}
	if in.Check == healthcheck.Down {
		return Down
	}
	if in.Check == healthcheck.Up && w.well*int(tick/time.Millisecond) < waits[w.falls]*1000 {
		return Down
	}
	if in.Check == healthcheck.Unknown && !s.AssumeUp {
		return Unknown
	}
	if w.state == Down || w.state == Maintenance || w.state == Unknown && w.joined {
		w.warm = 0
	}
	if w.warm < 0 || time.Duration(w.warm)*tick >= s.SlowStart {
		w.warm = -1
		return Up
	}
	return Warming
}

// TestTwin lives through random lives. The Machine is asked only when an input
// changes or when it asked to be, now and then also without a reason; at every tick
// its last word must be the twin's.
func TestTwin(t *testing.T) {
	for seed := range uint64(300) {
		compare(t, seed)
	}
}

func FuzzTwin(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(compare)
}

func compare(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	s := Settings{AssumeUp: r.IntN(4) == 0, Remove: r.IntN(2) == 0, SlowStart: time.Duration(r.IntN(4)*r.IntN(60)) * time.Second}
	joined := r.IntN(2) == 0
	m, w := Machine{}, newTwin(joined)
	if joined {
		m = Joined()
	}
	var d Decision
	var in Input
	patience := []int{1, 4, 10, 100, 1000}[r.IntN(5)] // ticks between changes, about
	for n := range 4000 {
		now := t0.Add(time.Duration(n) * tick)
		next := in
		if r.IntN(patience) == 0 {
			next = change(r, in, now)
		}
		if n == 0 || next != in || !d.Next.IsZero() && !now.Before(d.Next) || r.IntN(20) == 0 {
			in = next
			d = m.Step(now, s, in)
		}
		state, share := w.step(now, s, in)
		if d.State != state || d.Share != share {
			t.Fatalf("seed %d, tick %d: %v %d %%, the twin %v %d %%\nsettings %+v\ninput %+v\nmemory %+v\ntwin %+v",
				seed, n, d.State, d.Share, state, share, s, in, m.Memory(), *w)
		}
		if inUse := d.Share > 0; inUse != d.State.InUse() || inUse && (d.Gone || in.Disabled || in.Drained || in.Check == healthcheck.Down) {
			t.Fatalf("seed %d, tick %d: %+v for %+v", seed, n, d, in)
		}
		if !d.Next.IsZero() && !d.Next.After(now) {
			t.Fatalf("seed %d, tick %d: asks for a moment that is over: %+v", seed, n, d)
		}
	}
}

// change is another input.
func change(r *rand.Rand, in Input, now time.Time) Input {
	switch r.IntN(12) {
	case 0:
		in.Disabled = !in.Disabled
	case 1:
		in.Drained = !in.Drained
		in.Deadline = time.Time{}
		if r.IntN(2) == 0 {
			in.Deadline = now.Add(time.Duration(r.IntN(200)) * tick)
		}
	case 2:
		in.Idle = !in.Idle
	case 3:
		in.Check = healthcheck.State(r.IntN(3))
	default:
		in.Check = healthcheck.Up
		if r.IntN(2) == 0 {
			in.Check = healthcheck.Down
		}
	}
	return in
}
