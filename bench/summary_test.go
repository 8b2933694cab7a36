package bench

import (
	"math"
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	values := []float64{9, 1, 4, 2, 100}
	got := Summarize(values)
	want := Summary{N: 5, Min: 1, Max: 100, Median: 4, Quarter1: 2, Quarter3: 9, MAD: 3}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got.IQR() != 7 || got.Spread() != 7.0/8 {
		t.Errorf("IQR %v, spread %v", got.IQR(), got.Spread())
	}
	if !slices.Equal(values, []float64{9, 1, 4, 2, 100}) {
		t.Errorf("the samples were changed: %v", values)
	}
}

func TestSummarizeFew(t *testing.T) {
	if s := Summarize(nil); s.N != 0 || !math.IsNaN(s.Median) || !math.IsNaN(s.MAD) {
		t.Errorf("no samples: %+v", s)
	}
	if s := Summarize([]float64{3}); s != (Summary{N: 1, Min: 3, Max: 3, Median: 3, Quarter1: 3, Quarter3: 3}) {
		t.Errorf("one sample: %+v", s)
	}
	if s := Summarize([]float64{0, 0, 0, 8}).Spread(); s != 0 {
		t.Errorf("spread around 0: %v", s)
	}
}

// TestQuantile: R's quantile(c(1, 2, 3, 4), q), whose default is type 7.
func TestQuantile(t *testing.T) {
	for q, want := range map[float64]float64{0: 1, 0.25: 1.75, 0.5: 2.5, 0.75: 3.25, 0.9: 3.7, 1: 4} {
		if got := Quantile([]float64{1, 2, 3, 4}, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
}

func TestScale(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.1234: "0.123", 1.5: "1.50", 12.34: "12.3", 123.4: "123", 9999: "9999", 10_000: "10.0 k", 999_400: "999 k",
		999_600: "1.00 M", 1_050_000: "1.05 M", 2.5e9: "2.50 G", -12.34: "-12.3", -2e6: "-2.00 M", math.NaN(): "NaN",
	} {
		if got := Scale(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
