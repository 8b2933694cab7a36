package healthcheck

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestObserve(t *testing.T) {
	for _, tt := range []struct {
		name       string
		from       State
		rise, fall int
		results    string // + success, - failure
		want       string // the state after each: ? unknown, u up, d down
	}{
		{"first success", Unknown, 3, 3, "+", "u"},
		{"first failures", Unknown, 2, 3, "---", "??d"},
		{"a lost first probe", Unknown, 2, 3, "-+", "?u"},
		{"fall", Up, 2, 3, "--+---", "uuuuud"},
		{"rise", Down, 2, 3, "+-++", "dddu"},
		{"once", Up, 1, 1, "-+-+", "dudu"},
		{"long failure", Unknown, 2, 2, "-----++--", "?dddddu" + "ud"},
		{"flapping faster than fall", Up, 2, 2, "-+-+-+-+", "uuuuuuuu"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Status{State: tt.from}
			now := time.Unix(1000, 0)
			for i, r := range tt.results {
				now = now.Add(time.Second)
				before := s
				changed := s.observe(now, Result{OK: r == '+', Message: string(r)}, tt.rise, tt.fall)
				if got := "?ud"[s.State]; got != tt.want[i] {
					t.Fatalf("after %d results: %c, want %c", i+1, got, tt.want[i])
				}
				if changed != (s.State != before.State) {
					t.Errorf("after %d results: changed = %v", i+1, changed)
				}
				if changed && !s.Since.Equal(now) || !changed && !s.Since.Equal(before.Since) {
					t.Errorf("after %d results: since %v", i+1, s.Since)
				}
				if s.Message != string(r) || !s.LastCheck.Equal(now) || s.Checks != uint64(i+1) {
					t.Errorf("after %d results: %+v", i+1, s)
				}
			}
		})
	}
}

// TestObserveModel compares with the rule applied to the whole history.
func TestObserveModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		rise, fall := 1+r.IntN(4), 1+r.IntN(4)
		var s Status
		var history []bool
		state := Unknown
		for range 60 {
			ok := r.IntN(3) > 0
			history = append(history, ok)
			run := 0
			for i := len(history) - 1; i >= 0 && history[i] == ok; i-- {
				run++
			}
			switch {
			case ok && (state == Unknown || run >= rise):
				state = Up
			case !ok && run >= fall:
				state = Down
			}
			s.observe(time.Unix(int64(len(history)), 0), Result{OK: ok}, rise, fall)
			if s.State != state {
				t.Fatalf("rise %d, fall %d, %v: %s, want %s", rise, fall, history, s.State, state)
			}
		}
	}
}

func TestBelieved(t *testing.T) {
	for _, tt := range []struct {
		state   State
		results string
		want    []bool
	}{
		{Up, "-+", []bool{true, false}},
		{Up, "--", []bool{true, false}},
		{Down, "+-", []bool{true, false}},
		{Down, "++", []bool{true, false}},
	} {
		s := Status{State: tt.state, Believed: true}
		for i, r := range tt.results {
			s.observe(time.Now(), Result{OK: r == '+'}, 2, 2)
			if s.Believed != tt.want[i] {
				t.Errorf("%s, %s, result %d: believed = %v", tt.state, tt.results, i, s.Believed)
			}
		}
	}
}

func TestStateText(t *testing.T) {
	for _, s := range []State{Unknown, Up, Down} {
		text, _ := s.MarshalText()
		var back State
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%s: %v, %v", s, back, err)
		}
	}
	var s State
	if err := s.UnmarshalText([]byte("dead")); err == nil {
		t.Error("unknown word accepted")
	}
	if State(9).String() != "State(9)" {
		t.Error(State(9).String())
	}
}
