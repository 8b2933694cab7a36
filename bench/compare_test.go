package bench

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// runOf is a run with one figure of the samples.
func runOf(better Better, values ...float64) *Run {
	r := &Run{Schema: Schema}
	c := Case{Scenario: "path", Variant: "parse"}
	for i, v := range values {
		r.Record(&c, i+1, Reading{Metric: "time", Unit: "ns", Better: better, Value: v})
	}
	return r
}

func TestCompare(t *testing.T) {
	low, high := []float64{10, 11, 12, 13, 14, 15}, []float64{20, 21, 22, 23, 24, 25}
	for _, c := range []struct {
		name          string
		better        Better
		before, after []float64
		worse         bool
		word          string
	}{
		{"slower", Lower, low, high, true, "worse"},
		{"faster", Lower, high, low, false, "better"},
		{"more", Higher, low, high, false, "better"},
		{"less", Higher, high, low, true, "worse"},
		{"described", Neither, low, high, false, "other"},
		{"the same", Lower, low, low, false, "noise"},
		{"overlapping", Lower, low, []float64{10.5, 11.5, 12.5, 13.5, 14.5, 15.5}, false, "noise"},
		{"few", Lower, low[:3], high[:3], false, "too few samples"},
		{"none", Lower, low, nil, false, "too few samples"},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := runOf(c.better, c.after...)
			if c.after == nil { // a figure without samples
				after = runOf(c.better, 1)
				after.Series[0].Samples = nil
			}
			got := Compare(runOf(c.better, c.before...), after, Noise{Alpha: Alpha})
			if len(got.Changes) != 1 || got.Worse() != c.worse || got.Changes[0].word() != c.word {
				t.Errorf("%+v: %s", got, got.Changes[0].word())
			}
		})
	}
}

// TestCompareLeast: a change that is sure but small is noise where one says so.
func TestCompareLeast(t *testing.T) {
	before, after := []float64{100, 100.1, 100.2, 100.3, 100.4}, []float64{102, 102.1, 102.2, 102.3, 102.4}
	for least, worse := range map[float64]bool{0: true, 0.01: true, 0.05: false} {
		c := Compare(runOf(Lower, before...), runOf(Lower, after...), Noise{Alpha: Alpha, Least: least})
		if c.Worse() != worse {
			t.Errorf("at least %v: worse is %v", least, c.Worse())
		}
	}
	zero := runOf(Lower, 0, 0, 0, 0, 0)
	if c := Compare(zero, runOf(Lower, before...), Noise{Alpha: Alpha, Least: 0.5}); !c.Worse() {
		t.Error("any change from 0 is a large one")
	}
}

func TestCompareNames(t *testing.T) {
	before, after := runOf(Lower, 1), runOf(Lower, 1)
	other := Case{Scenario: "path", Variant: "other"}
	before.Record(&other, 1, Reading{Metric: "time"})
	other.Params = []Param{P("connections", 5)}
	after.Record(&other, 1, Reading{Metric: "time"})
	got := Compare(before, after, Noise{Alpha: Alpha})
	if len(got.Changes) != 1 || len(got.OldOnly) != 1 || len(got.NewOnly) != 1 {
		t.Fatalf("%+v", got)
	}
	var text strings.Builder
	if err := got.Print(&text, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"only in the old run, such as path/other time", "such as path/other connections=5 time"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
}

// TestRatioInterval: it holds the true ratio about as often as it says.
func TestRatioInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	const tries, alpha, ratio = 2000, 0.1, 1.3
	for _, n := range []int{6, 25} {
		held := 0
		for range tries {
			a, b := make([]float64, n), make([]float64, n)
			for i := range a {
				a[i] = 100 * math.Exp(0.1*r.NormFloat64())
				b[i] = 100 * ratio * math.Exp(0.1*r.NormFloat64())
			}
			if low, high := ratioInterval(a, b, alpha); low <= ratio && ratio <= high {
				held++
			}
		}
		if share := float64(held) / tries; share < 0.88 || share > 0.95 {
			t.Errorf("%d samples: the interval of 90 %% holds the ratio in %.1f %%", n, share*100)
		}
	}
}

// TestIntervalAgrees: the interval leaves out 1 where the test finds a change.
func TestIntervalAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	for range 500 {
		a, b := make([]float64, 6), make([]float64, 7)
		for i := range a {
			a[i] = 1 + r.Float64()
		}
		for i := range b {
			b[i] = 1.4 + r.Float64()
		}
		low, high := ratioInterval(a, b, 0.05)
		if test, interval := RankTest(a, b) <= 0.05, low > 1 || high < 1; test != interval {
			t.Errorf("p %v, interval %v to %v", RankTest(a, b), low, high)
		}
	}
}

func TestRatioIntervalImpossible(t *testing.T) {
	for _, c := range [][2][]float64{
		{{1, 2, 3}, {4, 5, 6}}, // too few
		{{0, 1, 2, 3, 4, 5}, {1, 2, 3, 4, 5, 6}},
		{{1, 2, 3, 4, 5, 6}, {-1, 2, 3, 4, 5, 6}},
		{nil, nil},
	} {
		if low, high := ratioInterval(c[0], c[1], 0.01); !math.IsNaN(low) || !math.IsNaN(high) {
			t.Errorf("%v: %v to %v", c, low, high)
		}
	}
}
