package bench

import (
	"math"
	"slices"
)

// exactPairs is up to how many pairs of samples the rank test counts all orders.
const exactPairs = 400

// RankTest returns the probability that samples of one and the same distribution
// differ in their ranks as much as these do or more, in either direction: the
// two-sided Mann-Whitney U test (Mann and Whitney, 1947), which asks nothing of
// the distribution. Ties count half. Few samples are judged by all their orders,
// many by the normal approximation. Without samples on both sides it is 1.
func RankTest(a, b []float64) float64 {
	n, m := len(a), len(b)
	switch {
	case n == 0 || m == 0:
		return 1
	case n*m <= exactPairs && n > m:
		return exactP(b, a) // the same, but fewer choices to count
	case n*m <= exactPairs:
		return exactP(a, b)
	}
	return approximateP(a, b)
}

// ranksOf returns twice the rank of each sample of a and then of b among all: the
// mean of the places that equal ones share, doubled, is whole.
func ranksOf(a, b []float64) []int {
	all := slices.Concat(a, b)
	sorted := slices.Sorted(slices.Values(all))
	ranks := make([]int, len(all))
	for i, v := range all {
		first, _ := slices.BinarySearch(sorted, v)
		last := first
		for last < len(sorted) && sorted[last] == v {
			last++
		}
		ranks[i] = first + 1 + last
	}
	return ranks
}

// exactP counts in how many of all choices of len(a) ranks their sum is as far
// from the mean as that of a.
func exactP(a, b []float64) float64 {
	ranks := ranksOf(a, b)
	total, sum := 0, 0
	for i, r := range ranks {
		total += r
		if i < len(a) {
			sum += r
		}
	}
	// ways[k][s] is how many choices of k ranks have the sum s.
	ways := make([][]float64, len(a)+1)
	for k := range ways {
		ways[k] = make([]float64, total+1)
	}
	ways[0][0] = 1
	for _, r := range ranks {
		for k := len(a); k > 0; k-- {
			for s := total; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	// Distances from the mean, times the number of all, which keeps them whole.
	distance := func(s int) int { return abs(s*len(ranks) - total*len(a)) }
	far, all := 0.0, 0.0
	for s, n := range ways[len(a)] {
		all += n
		if distance(s) >= distance(sum) {
			far += n
		}
	}
	return far / all
}

func abs(v int) int { return max(v, -v) }

// approximateP takes U for normal, with the corrections for ties and continuity.
func approximateP(a, b []float64) float64 {
	ranks := ranksOf(a, b)
	n, m := float64(len(a)), float64(len(b))
	u := -n * (n + 1) / 2
	for _, r := range ranks[:len(a)] {
		u += float64(r) / 2
	}
	ties := 0.0
	slices.Sort(ranks)
	for i := 0; i < len(ranks); {
		j := i
		for j < len(ranks) && ranks[j] == ranks[i] {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	all := n + m
	variance := n * m / 12 * (all + 1 - ties/(all*(all-1)))
	if variance <= 0 {
		return 1 // all are the same
	}
	z := max(math.Abs(u-n*m/2)-0.5, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}
