package latency

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"lvsdr/bench"
)

// TestHistogramTwin: the percentiles are those of all values sorted, to three
// digits, and the bins have all of them.
func TestHistogramTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := newHistogram()
	all := make([]float64, 20_000)
	for i := range all {
		v := time.Duration(math.Exp(10 + 2*r.NormFloat64()))
		h.record(v)
		all[i] = float64(v) / 1e3
	}
	slices.Sort(all)
	got := h.readings()
	if len(got) != len(quantiles)+1 || got[len(got)-1].Metric != MetricMax {
		t.Fatalf("%+v", got)
	}
	for i, percent := range []float64{50, 90, 99, 99.9, 100} {
		want := all[int(percent/100*float64(len(all)))-1]
		if v := got[i].Value; math.Abs(v-want)/want > 0.01 {
			t.Errorf("%s is %v, want %v", got[i].Metric, v, want)
		}
	}
	checkBins(t, h.bins(), all)
}

func checkBins(t *testing.T, bins []bench.Bin, sorted []float64) {
	t.Helper()
	sum := uint64(0)
	for i, b := range bins {
		sum += b.Count
		if i > 0 && b.Upto <= bins[i-1].Upto || b.Count == 0 {
			t.Fatalf("bin %d of %v", i, bins)
		}
		if at := sorted[sum-1]; at > b.Upto*1.001 || sum < uint64(len(sorted)) && sorted[sum] < b.Upto*0.999 {
			t.Errorf("%d values up to %v: that is %v", sum, b.Upto, at)
		}
	}
	if sum != uint64(len(sorted)) || len(bins) > 2000 {
		t.Errorf("%d values in %d bins", sum, len(bins))
	}
}

// TestHistogramFew: a percentile that nothing tells is left out.
func TestHistogramFew(t *testing.T) {
	h := newHistogram()
	if got := h.readings(); got != nil || h.median() != 0 || len(h.bins()) != 0 {
		t.Errorf("of nothing: %+v", got)
	}
	for range 50 {
		h.record(2 * time.Microsecond)
	}
	var metrics []string
	for _, r := range h.readings() {
		metrics = append(metrics, r.Metric)
		if r.Value != 2 || r.Better != bench.Lower {
			t.Errorf("%+v", r)
		}
	}
	if want := []string{MetricP50, MetricP90, MetricMax}; !slices.Equal(metrics, want) {
		t.Errorf("%v, want %v", metrics, want)
	}
}

// TestHistogramRange: what is out of range counts as its end.
func TestHistogramRange(t *testing.T) {
	h, other := newHistogram(), newHistogram()
	h.record(-time.Second)
	other.record(time.Hour)
	h.add(other)
	if low, high := h.counts.Min(), time.Duration(h.counts.Max()); h.total() != 2 || low != 1 || high < longest || high > longest*1001/1000 {
		t.Errorf("%d values from %d to %v", h.total(), low, high)
	}
}

// TestTripsLost: a percentile is of what was sent: a lost datagram leaves none out,
// and is among the slowest.
func TestTripsLost(t *testing.T) {
	for _, c := range []struct {
		answered, lost uint64
		want           []string
		lostFrom       string // the first figure that is a lost datagram's
	}{
		{1000, 0, []string{MetricP50, MetricP90, MetricP99, MetricP999, MetricMax}, ""},
		{999, 1, []string{MetricP50, MetricP90, MetricP99, MetricP999, MetricMax}, MetricMax},
		{998, 2, []string{MetricP50, MetricP90, MetricP99, MetricP999, MetricMax}, MetricP999},
		{998, 1, []string{MetricP50, MetricP90, MetricP99, MetricMax}, MetricMax},
		{0, 10, []string{MetricP50, MetricP90, MetricMax}, MetricP50},
		{0, 0, nil, ""},
	} {
		trips := &trips{took: newHistogram(), sent: c.answered + c.lost, lost: c.lost, patience: time.Second}
		trips.took.recordMany(2*time.Microsecond, c.answered)
		var metrics []string
		isLost := false
		for _, r := range trips.readings() {
			metrics = append(metrics, r.Metric)
			isLost = isLost || r.Metric == c.lostFrom
			if want := 2.0; !isLost && r.Value != want {
				t.Errorf("%+v: %s is %v, want %v", c, r.Metric, r.Value, want)
			}
			if want := 1e6; isLost && math.Abs(r.Value-want) > want/1000 {
				t.Errorf("%+v: %s is %v, want %v", c, r.Metric, r.Value, want)
			}
		}
		if !slices.Equal(metrics, c.want) {
			t.Errorf("%+v: %v", c, metrics)
		}
		if trips.took.total() != c.answered {
			t.Errorf("%+v: %d round trips afterwards", c, trips.took.total())
		}
	}
}
