package report

import (
	"fmt"
	"slices"
	"testing"

	"lvsdr/bench"
)

func TestChartOfSeries(t *testing.T) {
	r := run()
	c := newChart(r, r.Plots[0])
	if len(c.lines) != 2 || c.lines[0].label != "a<b" {
		t.Fatalf("%+v", c.lines)
	}
	want := []point{{1000, 120, 110, 130}, {1_000_000, 120, 110, 130}}
	if !slices.Equal(c.lines[0].points, want) {
		t.Errorf("%v, want %v", c.lines[0].points, want)
	}
}

func TestChartOfDistributions(t *testing.T) {
	r := run()
	c := newChart(r, r.Plots[2])
	want := []point{{10, 50, 50, 50}, {20, 75, 75, 75}, {500, 100, 100, 100}}
	if len(c.lines) != 1 || !slices.Equal(c.lines[0].points, want) {
		t.Errorf("%+v", c.lines)
	}
}

// TestLongDistribution: few points of many bins, and the last among them.
func TestLongDistribution(t *testing.T) {
	const bins = 10_001
	d := &bench.Distribution{Name: bench.Name{Scenario: "s", Metric: "m"}}
	for i := range bins {
		d.Bins = append(d.Bins, bench.Bin{Upto: float64(i), Count: 1})
	}
	c := newChart(&bench.Run{Distributions: []*bench.Distribution{d}}, bench.Plot{Scenario: "s", Metric: "m"})
	points := c.lines[0].points
	if last := points[len(points)-1]; len(points) > maxPoints+1 || last.x != bins-1 || last.y != 100 {
		t.Errorf("%d points, the last is %v", len(points), last)
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		log    bool
		values []float64
		ticks  string
		middle float64 // where the middle of the axis is
	}{
		{false, []float64{3, 97}, "[0 20 40 60 80 100]", 50},
		{false, []float64{0.001, 0.0042}, "[0 0.001 0.002 0.003 0.004 0.005]", 0.0025},
		{false, []float64{-1, 1}, "[-1 -0.5 0 0.5 1]", 0},
		{false, []float64{0, 0}, "[0 0.2 0.4 0.6 0.8 1]", 0.5},
		{false, nil, "[0 0.2 0.4 0.6 0.8 1]", 0.5},
		{true, []float64{2, 5000}, "[1 10 100 1000 10000]", 100},
		{true, []float64{10, 10}, "[10 100]", 31.622776601683793},
		{true, []float64{0, 9}, "[0 2 4 6 8 10]", 5},
	} {
		a := axis{log: c.log}
		a.span(c.values)
		var ticks []float64
		for _, v := range a.ticks() {
			var rounded float64
			fmt.Sscan(fmt.Sprintf("%.6g", v), &rounded)
			ticks = append(ticks, rounded)
		}
		if got := fmt.Sprint(ticks); got != c.ticks {
			t.Errorf("%v: ticks %s, want %s", c.values, got, c.ticks)
		}
		if at := a.at(c.middle); at < 0.499 || at > 0.501 {
			t.Errorf("%v: %v is at %v", c.values, c.middle, at)
		}
	}
}
