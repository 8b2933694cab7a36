package condition

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// gentle is the default.
var gentle = Scale{Min: 10, Max: 100, Smoothing: 10 * sec, Step: 5}

const nothing = -1 // is said

// said is what a server says from a time on, and which part of its weight it has then.
type said struct {
	at    time.Duration
	says  int
	share int
}

func TestLoad(t *testing.T) {
	for name, c := range map[string]struct {
		Scale
		steps []said
	}{
		"nothing is ever said":      {gentle, []said{{0, nothing, 100}, {1 * sec, nothing, 100}, {100 * sec, nothing, 100}}},
		"the first holds at once":   {gentle, []said{{0, 40, 40}, {1 * sec, 40, 40}}},
		"limits":                    {gentle, []said{{0, 1, 10}, {100 * sec, 250, 10}, {200 * sec, 250, 100}}},
		"two thirds in ten seconds": {gentle, []said{{0, 100, 100}, {1 * sec, 50, 100}, {11 * sec, 50, 68}, {21 * sec, 50, 57}, {61 * sec, 50, 50}}},
		"small changes are none":    {gentle, []said{{0, 60, 60}, {1 * sec, 56, 60}, {60 * sec, 64, 60}, {120 * sec, 65, 60}, {180 * sec, 65, 65}}},
		"but the end is reached":    {gentle, []said{{0, 97, 97}, {1 * sec, 100, 97}, {60 * sec, 100, 100}, {61 * sec, 12, 100}, {120 * sec, 12, 12}, {121 * sec, 1, 12}, {200 * sec, 1, 10}}},
		"no new connections":        {gentle, []said{{0, 80, 80}, {1 * sec, 0, 0}, {2 * sec, 0, 0}, {3 * sec, 30, 30}}},
		"the first holds, late":     {gentle, []said{{0, nothing, 100}, {5 * sec, 20, 20}, {6 * sec, 90, 20}, {16 * sec, 90, 64}}},
		"silence ends it":           {gentle, []said{{0, 20, 20}, {1 * sec, nothing, 20}, {11 * sec, nothing, 71}, {100 * sec, nothing, 100}}},
		"without smoothing":         {Scale{Min: 1, Max: 80, Step: 1}, []said{{0, 3, 3}, {1 * sec, 100, 80}, {2 * sec, 79, 79}}},
		"the clock goes back":       {gentle, []said{{10 * sec, 20, 20}, {0, 90, 20}, {1 * sec, 90, 27}}},
	} {
		var l Load
		for _, s := range c.steps {
			if got, _ := l.Step(t0.Add(s.at), c.Scale, s.says, s.says != nothing); got != s.share {
				t.Errorf("%s: after %v it has %d %%, want %d", name, s.at, got, s.share)
			}
		}
	}
}

// TestLoadNext: while a part moves there is a time to look again, and in the end none.
func TestLoadNext(t *testing.T) {
	var l Load
	l.Step(t0, gentle, 100, true)
	now, looks, last := t0, 0, 100
	for next := t0; !next.IsZero(); looks++ {
		now = next
		var share int
		share, next = l.Step(now, gentle, 20, true)
		if share > last || !next.IsZero() && next.Sub(now) != 2*sec {
			t.Fatalf("after %v it has %d %%, and is looked at again at %v", now.Sub(t0), share, next)
		}
		last = share
	}
	if took := now.Sub(t0); looks > 30 || took < 40*sec || took > 60*sec || last > 24 {
		t.Errorf("%d looks, %v, then %d %%", looks, took, last)
	}
}

// TestLoadLimitsChange: a reload may set others.
func TestLoadLimitsChange(t *testing.T) {
	var l Load
	l.Step(t0, gentle, 90, true)
	if got, _ := l.Step(t0.Add(sec), Scale{Min: 10, Max: 50, Smoothing: 10 * sec, Step: 5}, 90, true); got != 50 {
		t.Errorf("at most 50: %d", got)
	}
	if got, _ := l.Step(t0.Add(2*sec), Scale{Min: 70, Max: 100, Smoothing: 10 * sec, Step: 5}, 20, true); got != 70 {
		t.Errorf("at least 70: %d", got)
	}
}

// TestLoadIsCalm: a server whose load trembles by less than a step changes nothing, and
// one whose load swings by a third changes seldom.
func TestLoadIsCalm(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		swing, most int
	}{"trembles": {4, 0}, "swings": {15, 60}} {
		var l Load
		last, changes := 0, 0
		for i := range 600 {
			said := 50 + random.IntN(2*c.swing+1) - c.swing
			if i == 0 {
				said = 50
			}
			share, _ := l.Step(t0.Add(time.Duration(i)*2*sec), gentle, said, true)
			if i > 0 && share != last {
				changes++
			}
			last = share
		}
		if changes > c.most {
			t.Errorf("%s: %d changes in 20 minutes", name, changes)
		}
	}
}

// TestLoadInBetween: steps in between make no difference to the smoothing.
func TestLoadInBetween(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		var one, many Load
		now := t0
		for range 20 {
			said := random.IntN(120)
			one.Step(now, gentle, said, true)
			many.Step(now, gentle, said, true)
			for range random.IntN(5) {
				now = now.Add(time.Duration(random.Int64N(int64(3 * sec))))
				many.Step(now, gentle, said, true)
			}
			if one.Step(now, gentle, said, true); math.Abs(one.value-many.value) > 1e-6 {
				t.Fatalf("%v, with steps in between %v", one.value, many.value)
			}
		}
	}
}
