package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestRankTest: the expected values follow from counting orders by hand, such as
// 2/C(n+m, n) for samples that do not overlap.
func TestRankTest(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, 2.0 / 20},
		{[]float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 2.0 / 252},
		{[]float64{1, 2, 3, 4}, []float64{2.5, 3.5, 4.5, 5.5}, 0.2},
		{[]float64{1, 3}, []float64{2, 4}, 4.0 / 6},
		{[]float64{7, 7, 7}, []float64{7, 7, 7}, 1},
		{nil, []float64{1}, 1},
		{[]float64{1}, nil, 1},
	} {
		for _, got := range []float64{RankTest(c.a, c.b), RankTest(c.b, c.a)} {
			if math.Abs(got-c.want) > 1e-9 {
				t.Errorf("RankTest(%v, %v) = %v, want %v", c.a, c.b, got, c.want)
			}
		}
	}
}

// slowP tries every choice of len(a) samples among all.
func slowP(a, b []float64) float64 {
	all := append(append([]float64(nil), a...), b...)
	u := func(chosen int) (u float64) {
		for i, x := range all {
			for j, y := range all {
				switch {
				case chosen>>i&1 == 0 || chosen>>j&1 == 1:
				case x > y:
					u++
				case x == y:
					u += 0.5
				}
			}
		}
		return u
	}
	mean := float64(len(a)*len(b)) / 2
	want := math.Abs(u(1<<len(a)-1) - mean)
	far, total := 0.0, 0.0
	for chosen := range 1 << len(all) {
		size := 0
		for c := chosen; c != 0; c &= c - 1 {
			size++
		}
		if size != len(a) {
			continue
		}
		total++
		if math.Abs(u(chosen)-mean) >= want {
			far++
		}
	}
	return far / total
}

func TestRankTestTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		a, b := make([]float64, 1+r.IntN(5)), make([]float64, 1+r.IntN(5))
		for _, s := range [][]float64{a, b} {
			for i := range s {
				s[i] = float64(r.IntN(8)) // with ties
			}
		}
		if got, want := RankTest(a, b), slowP(a, b); math.Abs(got-want) > 1e-9 {
			t.Errorf("RankTest(%v, %v) = %v, want %v", a, b, got, want)
		}
	}
}

// TestRankTestApproximation: where both ways are possible, they agree.
func TestRankTestApproximation(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for shift := range 4 {
		a, b := make([]float64, 20), make([]float64, 20)
		for i := range a {
			a[i], b[i] = float64(r.IntN(40)), float64(r.IntN(40)+5*shift)
		}
		if got, want := approximateP(a, b), exactP(a, b); math.Abs(got-want) > 0.01 {
			t.Errorf("shift %d: approximately %v, exactly %v", shift, got, want)
		}
	}
	same := make([]float64, 30)
	if p := RankTest(same, same); p != 1 {
		t.Errorf("all the same: %v", p)
	}
}
