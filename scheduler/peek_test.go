package scheduler

import (
	"net/netip"
	"testing"
	"time"
)

// twoOfEach calls fn with two schedulers alike, of each name with each
// combination of flags, and with two of the overflow's.
func twoOfEach(t *testing.T, fn func(t *testing.T, one, other Scheduler)) {
	for _, name := range Names() {
		for _, flags := range subsets(Flags(name)) {
			t.Run(name+"/"+join(flags), func(t *testing.T) {
				one, err := New(name, flags)
				if err != nil {
					t.Fatal(err)
				}
				other, err := New(name, flags)
				if err != nil {
					t.Fatal(err)
				}
				fn(t, one, other)
			})
		}
	}
	t.Run("overflow", func(t *testing.T) { fn(t, NewOverflow(), NewOverflow()) })
}

// TestPeek: what a peek is sure of is what the pick after it gives, and a
// scheduler that is looked at all the time picks as one that never is.
func TestPeek(t *testing.T) {
	twoOfEach(t, func(t *testing.T, watched, alone Scheduler) {
		_, random := watched.(*twos)
		for seed := range uint64(8) {
			history(seed, []picker{watched, alone}, func(at string, f *Flow) *Candidate {
				for i := range 4 {
					other := newFlow(i)
					other.Dst = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
					watched.Peek(other)
				}
				c, sure := watched.Peek(f)
				again, sureAgain := watched.Peek(f)
				picked, want := watched.Pick(f), alone.Pick(f)
				switch {
				case picked != want:
					t.Fatalf("seed %d, %s: picked %d, without peeks %d", seed, at, idOf(picked), idOf(want))
				case again != c || sureAgain != sure:
					t.Fatalf("seed %d, %s: peeked %d, then %d", seed, at, idOf(c), idOf(again))
				case sure && c != picked:
					t.Fatalf("seed %d, %s: peeked %d, picked %d", seed, at, idOf(c), idOf(picked))
				case !sure && (!random || c == nil || picked == nil):
					t.Fatalf("seed %d, %s: not sure of %d, picked %d", seed, at, idOf(c), idOf(picked))
				}
				return picked
			})
		}
	})
}

// TestPeekTwos: of several a peek names one that can be drawn, and is sure of
// nothing that chance decides.
func TestPeekTwos(t *testing.T) {
	for _, tt := range []struct {
		weights []int
		sure    bool
	}{
		{nil, true},
		{[]int{0, 0}, true},
		{[]int{0, 5, 0}, true},
		{[]int{1, 1}, false},
		{[]int{3, 0, 1, 100}, false},
	} {
		list := newServers(len(tt.weights))
		for i, w := range tt.weights {
			list[i].SetWeight(w)
			list[i].AddActive(i)
		}
		s := newTWOS(nil)
		s.Update(clone(list))
		c, sure := s.Peek(nil)
		p := chances(list, false)
		if sure != tt.sure || (c != nil) != (len(p) > 0) || c != nil && p[c] == 0 {
			t.Errorf("weights %v: peeked %d, sure: %v; the chances are %v", tt.weights, idOf(c), sure, p)
		}
	}
}

// TestPeekLeavesNoTrace: a destination that is only looked at is forgotten when
// it is due, and one that was forgotten is not remembered.
func TestPeekLeavesNoTrace(t *testing.T) {
	for _, name := range []string{"lblc", "lblcr"} {
		s, err := New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		var clock time.Duration
		rig(s, 1, func() time.Duration { return clock })
		list := newServers(2)
		s.Update(clone(list))
		known, fresh := newFlow(1), newFlow(1)
		fresh.Dst = netip.MustParseAddr("2001:db8::1")
		home, other := s.Pick(known), list[1]
		home.AddActive(1) // wlc takes the other now
		clock = destinationExpiry - 1
		if c, _ := s.Peek(known); c != home {
			t.Errorf("%s: peeked %d, want %d, which has it", name, idOf(c), home.ID)
		}
		if c, _ := s.Peek(fresh); c != other {
			t.Errorf("%s: peeked %d for a new destination, want the lighter %d", name, idOf(c), other.ID)
		}
		other.AddActive(2) // too few for lblc to leave it
		if c := s.Pick(fresh); c != home {
			t.Errorf("%s: a peek remembered %d", name, idOf(c))
		}
		home.AddActive(9)
		clock = destinationExpiry
		if c := s.Pick(known); c != other {
			t.Errorf("%s: picked %d, want %d: a peek counts as asked for", name, idOf(c), other.ID)
		}
	}
}
