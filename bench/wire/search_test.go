package wire

import (
	"math"
	"math/rand/v2"
	"testing"
)

// lossyWire is a wire that carries so many frames a second, and a sender that has
// a limit too.
type lossyWire struct {
	capacity float64
	sender   float64 // 0: no limit
	base     float64 // loss at any rate
	noise    float64 // of the capacity
	random   *rand.Rand
}

// try returns what was sent of a rate, and the loss.
func (w *lossyWire) try(rate float64) (sent, loss float64) {
	sent = rate
	if w.sender > 0 {
		sent = math.Min(rate, w.sender)
	}
	capacity := w.capacity
	if w.noise > 0 {
		capacity *= 1 + w.noise*w.random.NormFloat64()
	}
	return sent, w.base + math.Max(0, 1-capacity/sent)
}

// find runs a search to its end.
func find(t *testing.T, w *lossyWire, start float64) (found float64, trials int) {
	t.Helper()
	s := NewSearch(start, 0.001, 0.02)
	for {
		rate, more := s.Next()
		if !more {
			return s.Found(), trials
		}
		if trials++; trials > searchTrials {
			t.Fatalf("more than %d trials", searchTrials)
		}
		s.Report(w.try(rate))
	}
}

func TestSearch(t *testing.T) {
	for _, capacity := range []float64{20_000, 500_000, 1e6, 12e6} {
		for _, guess := range []float64{0.3, 0.5, 0.9, 1, 1.001, 1.1, 2, 3} {
			found, _ := find(t, &lossyWire{capacity: capacity}, capacity*guess)
			if found > capacity*1.0011 || found < capacity*0.975 {
				t.Errorf("capacity %v, start %v: found %v", capacity, capacity*guess, found)
			}
		}
	}
}

// TestSearchIsShort: from the saturated rate, which is near, few trials are needed.
func TestSearchIsShort(t *testing.T) {
	if _, trials := find(t, &lossyWire{capacity: 500_000}, 500_100); trials > 7 {
		t.Errorf("%d trials", trials)
	}
}

// TestSearchSender: a sender that is slower than the wire ends the search at what
// it sends.
func TestSearchSender(t *testing.T) {
	found, trials := find(t, &lossyWire{capacity: 100e6, sender: 5e6}, 4e6)
	if found < 4.9e6 || found > 5e6 || trials > 8 {
		t.Errorf("found %v in %d trials, the sender has 5e6", found, trials)
	}
}

// TestSearchHopeless: a wire that always loses has no rate.
func TestSearchHopeless(t *testing.T) {
	if found, _ := find(t, &lossyWire{capacity: 1e6, base: 0.01}, 1e6); found != 0 {
		t.Errorf("found %v on a wire that always loses", found)
	}
	if found, _ := find(t, &lossyWire{capacity: 1e6, base: 0.01}, 1000); found != 0 {
		t.Errorf("found %v on a wire that always loses", found)
	}
}

// TestSearchDoubts: one trial in which something else lost frames changes nothing.
func TestSearchDoubts(t *testing.T) {
	w := &lossyWire{capacity: 500_000}
	for spoilt := range 8 {
		s := NewSearch(450_000, 0.001, 0.02)
		for trial := 0; ; trial++ {
			rate, more := s.Next()
			if !more {
				break
			}
			sent, loss := w.try(rate)
			if trial == spoilt {
				loss = 0.5
			}
			s.Report(sent, loss)
		}
		if found := s.Found(); found < 480_000 {
			t.Errorf("with trial %d spoilt: found %v", spoilt, found)
		}
	}
}

// TestSearchNoise: a wire whose capacity varies gives a rate near it, and one that
// passed.
func TestSearchNoise(t *testing.T) {
	for seed := range uint64(200) {
		w := &lossyWire{capacity: 500_000, noise: 0.03, random: rand.New(rand.NewPCG(seed, 1))}
		if found, _ := find(t, w, 500_000); found < 400_000 || found > 600_000 {
			t.Errorf("seed %d: found %v", seed, found)
		}
	}
}

func TestHeld(t *testing.T) {
	for _, c := range []struct {
		arrived []float64
		want    float64
		known   bool
	}{
		{[]float64{1, 2, 4, 4, 4}, 1, true},
		{[]float64{1, 2, 4, 3, 3.5}, 0.75, true},
		{[]float64{1, 2, 4, 1, 4}, 0.25, true},
		{[]float64{1, 2, 4}, 0, false},
		{[]float64{0, 0}, 0, false},
	} {
		if got, known := held(c.arrived); got != c.want || known != c.known {
			t.Errorf("of %v it holds %v, %v; want %v, %v", c.arrived, got, known, c.want, c.known)
		}
	}
}
