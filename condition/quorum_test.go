package condition

import (
	"fmt"
	"testing"
)

// TestQuorum: the thresholds, with and without servers of which nothing is known.
func TestQuorum(t *testing.T) {
	type step struct {
		usable, pending int
		want            string // "?", "served" or "lost"
	}
	for name, c := range map[string]struct {
		Thresholds
		steps []step
	}{
		"one is enough":       {Thresholds{1, 1}, []step{{0, 2, "?"}, {1, 1, "served"}, {0, 1, "served"}, {0, 0, "lost"}, {0, 1, "lost"}, {1, 0, "served"}}},
		"nothing ever":        {Thresholds{1, 1}, []step{{0, 0, "lost"}}},
		"hysteresis":          {Thresholds{5, 3}, []step{{4, 1, "?"}, {5, 0, "served"}, {4, 0, "served"}, {3, 0, "served"}, {2, 0, "lost"}, {3, 0, "lost"}, {4, 0, "lost"}, {5, 0, "served"}}},
		"pending keeps it":    {Thresholds{5, 3}, []step{{5, 0, "served"}, {2, 1, "served"}, {2, 0, "lost"}, {2, 9, "lost"}}},
		"cannot be made":      {Thresholds{5, 3}, []step{{2, 3, "?"}, {2, 2, "lost"}, {4, 0, "lost"}}},
		"between, at a start": {Thresholds{5, 3}, []step{{4, 0, "lost"}, {5, 0, "served"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var q Quorum
			for i, s := range c.steps {
				q.Step(c.Thresholds, s.usable, s.pending)
				got := map[bool]string{false: "served", true: "lost"}[q.Lost()]
				if !q.Known() {
					got = "?"
				}
				if got != s.want {
					t.Errorf("step %d, %+v: %s", i, s, got)
				}
			}
		})
	}
	if q := RestoredQuorum(true); !q.Lost() || !q.Known() {
		t.Error("a lost quorum is lost after a restart too")
	}
	if q := RestoredQuorum(false); q.Lost() || !q.Known() {
		t.Error("a quorum is there after a restart too")
	}
}

// TestPlans is the whole table: sorry server, fail_open with some servers left, and
// with none, nobody.
func TestPlans(t *testing.T) {
	for n := range 16 {
		s := Standby{Sorry: n&8 != 0, FailOpen: n&4 != 0, AnyUsable: n&2 != 0, AnyFailing: n&1 != 0}
		unknown, there, lost := Quorum{}, RestoredQuorum(false), RestoredQuorum(true)
		want := [...]Plan{
			Refuse, Refuse, Refuse, Refuse, Refuse, Open, Few, Few,
			Sorry, Sorry, Sorry, Sorry, Sorry, Sorry, Sorry, Sorry,
		}[n]
		got := fmt.Sprint(unknown.Plan(s), there.Plan(s), lost.Plan(s))
		if got != fmt.Sprint(Wait, Normal, want) {
			t.Errorf("%+v: %s, want %v", s, got, want)
		}
	}
}
