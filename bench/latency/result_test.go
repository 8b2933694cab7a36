package latency

import (
	"slices"
	"testing"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/lan"
)

// TestDistribute: rounds add up, each load and each variant for itself.
func TestDistribute(t *testing.T) {
	r := new(bench.Run)
	p := &path{Way: &lan.Way{Peer: lan.Peer{Name: "direct"}}, total: make(map[string]histogram)}
	for _, load := range []string{"none", "90 %", "none"} {
		h := newHistogram()
		h.record(5 * time.Microsecond)
		h.record(time.Millisecond)
		p.distribute(r, load, h)
	}
	if len(r.Distributions) != 2 {
		t.Fatalf("%d distributions", len(r.Distributions))
	}
	for i, want := range []uint64{2, 1} {
		d := r.Distributions[i]
		if len(d.Bins) != 2 || d.Bins[0].Count != want || d.Bins[1].Count != want || d.Variant != "direct" || d.Unit != unit {
			t.Errorf("%+v", d)
		}
	}
	if got := r.Distributions[1].Metric; got != metricOf("90 %") {
		t.Errorf("metric %q", got)
	}
}

// TestAdded: what a variant adds is by round, where both have one.
func TestAdded(t *testing.T) {
	r := new(bench.Run)
	for variant, rounds := range map[string][]bench.Sample{
		"direct": {{Round: 1, Value: 5}, {Round: 2, Value: 7}},
		"ours":   {{Round: 2, Value: 10}, {Round: 3, Value: 100}},
	} {
		c := bench.Case{Scenario: Scenario, Variant: variant, Params: params("none, back to back")}
		for _, s := range rounds {
			r.Record(&c, s.Round, bench.Reading{Metric: MetricP50, Unit: unit, Better: bench.Lower, Value: s.Value})
		}
	}
	s := &site{options: Options{Every: time.Millisecond}}
	for _, name := range []string{"direct", "ours", "never measured"} {
		s.paths = append(s.paths, &path{Way: &lan.Way{Peer: lan.Peer{Name: name}}})
	}
	s.addAdded(r)
	if len(r.Series) != 3 {
		t.Fatalf("%d series", len(r.Series))
	}
	got := r.Series[2]
	if got.Variant != "ours" || got.Metric != MetricAdded || !slices.Equal(got.Samples, []bench.Sample{{Round: 2, Value: 3}}) {
		t.Errorf("%+v", got)
	}
}
