package bench

import (
	"math"
	"slices"
)

// Summary is what some samples have in common. Without samples all but N is NaN.
type Summary struct {
	N                  int
	Min, Max           float64
	Median             float64
	Quarter1, Quarter3 float64 // a quarter of the samples is below, above
	// MAD is the median of the distances from the median.
	MAD float64
}

// Summarize describes values, which it leaves as they are.
func Summarize(values []float64) Summary {
	sorted := slices.Sorted(slices.Values(values))
	s := Summary{
		N: len(sorted), Min: Quantile(sorted, 0), Max: Quantile(sorted, 1),
		Median: Quantile(sorted, 0.5), Quarter1: Quantile(sorted, 0.25), Quarter3: Quantile(sorted, 0.75),
	}
	for i, v := range sorted {
		sorted[i] = math.Abs(v - s.Median)
	}
	slices.Sort(sorted)
	s.MAD = Quantile(sorted, 0.5)
	return s
}

// Summary describes the samples.
func (s *Series) Summary() Summary { return Summarize(s.Values()) }

// IQR is the width of the middle half.
func (s Summary) IQR() float64 { return s.Quarter3 - s.Quarter1 }

// Spread is half the width of the middle half, as a share of the median: the
// figure behind the sign ±. It is 0 for a median of 0.
func (s Summary) Spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return s.IQR() / 2 / math.Abs(s.Median)
}

// Quantile returns the value below which the share q (0..1) of the sorted values
// is, between two neighbours in proportion (Hyndman and Fan's type 7, that of R
// and NumPy); NaN if there are none.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	part := at - float64(below)
	return sorted[below]*(1-part) + sorted[below+1]*part
}
