package bench

import (
	"math"
	"slices"
)

// Alpha is the probability, unless one chooses another, with which chance alone
// may make a figure count as changed.
const Alpha = 0.01

// Noise is what does not count as a change.
type Noise struct {
	Alpha float64 // what chance alone makes with this probability or more
	Least float64 // a median that moved by a smaller share: 0.05 for 5 %
}

// Change is what became of one figure from one run to another.
type Change struct {
	Name
	Unit      string
	Better    Better
	Old, New  Summary
	P         float64 // that chance alone makes such a difference
	Noise     Noise
	Low, High float64 // New/Old lies between them with probability 1-Noise.Alpha; NaN: too few samples
}

// Comparison is what two runs differ in.
type Comparison struct {
	Changes []Change
	OldOnly []Name // figures that only one of them has
	NewOnly []Name
}

// Compare looks at each figure that both runs have, in the order of the old one.
func Compare(before, after *Run, noise Noise) *Comparison {
	c := new(Comparison)
	for _, s := range before.Series {
		if o := after.Find(s.Name); o != nil {
			c.Changes = append(c.Changes, newChange(s, o, noise))
		} else {
			c.OldOnly = append(c.OldOnly, s.Name)
		}
	}
	for _, s := range after.Series {
		if before.Find(s.Name) == nil {
			c.NewOnly = append(c.NewOnly, s.Name)
		}
	}
	return c
}

func newChange(before, after *Series, noise Noise) Change {
	a, b := before.Values(), after.Values()
	c := Change{
		Name: before.Name, Unit: before.Unit, Better: before.Better,
		Old: Summarize(a), New: Summarize(b), P: RankTest(a, b), Noise: noise,
	}
	c.Low, c.High = ratioInterval(a, b, noise.Alpha)
	return c
}

// Ratio is the new median in units of the old one; NaN if that is 0.
func (c *Change) Ratio() float64 {
	if c.Old.Median == 0 {
		return math.NaN()
	}
	return c.New.Median / c.Old.Median
}

// Beyond reports whether the difference is more than noise.
func (c *Change) Beyond() bool {
	moved := math.Abs(c.New.Median - c.Old.Median)
	return c.P < c.Noise.Alpha && moved > 0 && moved >= c.Noise.Least*math.Abs(c.Old.Median)
}

// Decides reports whether there are samples enough that any difference at all
// could be beyond noise.
func (c *Change) Decides() bool { return leastP(c.Old.N, c.New.N) < c.Noise.Alpha }

// Worse reports whether the figure went the wrong way, beyond noise.
func (c *Change) Worse() bool {
	switch c.Better {
	case Higher:
		return c.Beyond() && c.New.Median < c.Old.Median
	case Lower:
		return c.Beyond() && c.New.Median > c.Old.Median
	}
	return false
}

// leastP is the smallest probability that RankTest gives for so many samples: each
// of one side is above each of the other, in one order of all, or the reverse.
func leastP(n, m int) float64 {
	if n == 0 || m == 0 {
		return 1
	}
	p := 2.0
	for i := 1; i <= n; i++ {
		p *= float64(i) / float64(m+i)
	}
	return min(p, 1)
}

// ratioInterval returns between which bounds b/a lies with probability 1-alpha: of
// the ratios of all pairs it leaves out so many of the smallest and largest as the
// rank test would find too far off (Hodges and Lehmann, 1963). NaN if there are too
// few, or if a value is not positive.
func ratioInterval(a, b []float64, alpha float64) (low, high float64) {
	notPositive := func(v float64) bool { return v <= 0 }
	if slices.ContainsFunc(a, notPositive) || slices.ContainsFunc(b, notPositive) {
		return math.NaN(), math.NaN()
	}
	var ratios []float64
	for _, x := range a {
		for _, y := range b {
			ratios = append(ratios, y/x)
		}
	}
	slices.Sort(ratios)
	out := outside(len(a), len(b), alpha)
	if out < 1 {
		return math.NaN(), math.NaN()
	}
	return ratios[out-1], ratios[len(ratios)-out]
}

// outside is the number k for which U, of n and m samples without ties, is below k
// with a probability of at most alpha/2; 0: none.
func outside(n, m int, alpha float64) int {
	if n*m > exactPairs {
		mean, deviation := float64(n*m)/2, math.Sqrt(float64(n*m*(n+m+1))/12)
		return max(int(mean-math.Sqrt2*math.Erfinv(1-alpha)*deviation), 0)
	}
	// ways[i][u] is how many orders of i samples among those so far have that U.
	ways := make([][]float64, n+1)
	for i := range ways {
		ways[i] = make([]float64, n*m+1)
	}
	ways[0][0] = 1
	for place := range n + m {
		for i := min(place, n-1); i >= 0; i-- {
			below := place - i // of the other side
			for u := 0; u+below <= n*m && below <= m; u++ {
				ways[i+1][u+below] += ways[i][u]
			}
		}
	}
	all, sum := 0.0, 0.0
	for _, w := range ways[n] {
		all += w
	}
	for k, w := range ways[n] {
		if sum += w; sum/all > alpha/2 {
			return k
		}
	}
	return 0
}
