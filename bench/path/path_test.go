package path

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"lvsdr/bench"
)

// tiny measures everything for a moment: nothing is said about times here.
func tiny() Options {
	return Options{
		Rounds: 2, Sample: time.Microsecond, Connections: []int{100, 1000},
		Limits: Limits{Services: 100, Servers: 10, Workers: 2},
	}
}

// check finds series that lack samples, or have impossible ones.
func check(t *testing.T, run *bench.Run, want map[string]int) {
	t.Helper()
	got := make(map[string]int)
	for _, s := range run.Series {
		got[s.Scenario+"/"+s.Metric]++
		if len(s.Samples) != 2 {
			t.Errorf("%s: %d samples", s.Name, len(s.Samples))
		}
		for _, sample := range s.Samples {
			if s.Metric != "allocations" && sample.Value <= 0 {
				t.Errorf("%s: %v", s.Name, sample.Value)
			}
		}
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d series, want %d", name, got[name], n)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("unexpected: %v", got)
	}
	if run.Interrupted || len(run.Skipped) > 0 {
		t.Errorf("interrupted %v, skipped %v", run.Interrupted, run.Skipped)
	}
	for _, p := range run.Plots {
		if got := drawn(run, p); got < 2 {
			t.Errorf("plot %q has %d points", p.Title, got)
		}
	}
}

func drawn(run *bench.Run, p bench.Plot) (points int) {
	for _, s := range run.Series {
		if _, ok := s.Number(p.Along); ok && s.Scenario == p.Scenario && s.Metric == p.Metric {
			points++
		}
	}
	return points
}

func TestMeasure(t *testing.T) {
	run := new(bench.Run)
	if err := Measure(t.Context(), run, tiny(), bench.Silent{}); err != nil {
		t.Fatal(err)
	}
	// For each family 7 steps, and for each size 4 of the table, 2 of the whole
	// way and 2 of the memory.
	check(t, run, map[string]int{"path/time": 2 * (7 + 2*8), "path/allocations": 2 * (7 + 2*6), "path/ratio": 4})
}

func TestGrow(t *testing.T) {
	run := new(bench.Run)
	if err := Grow(t.Context(), run, tiny(), bench.Silent{}); err != nil {
		t.Fatal(err)
	}
	check(t, run, map[string]int{
		"growth/connections/time": 2, "growth/connections/allocations": 2,
		"growth/services/time": 3, "growth/services/allocations": 3,
		"growth/servers/time": 2 * len(schedulers), "growth/servers/allocations": 2 * len(schedulers),
		"growth/workers/rate": 2,
	})
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, measure := range map[string]func(context.Context, *bench.Run, Options, bench.Progress) error{
		"path": Measure, "growth": Grow,
	} {
		run := new(bench.Run)
		if err := measure(ctx, run, tiny(), bench.Silent{}); !errors.Is(err, context.Canceled) || !run.Interrupted {
			t.Errorf("%s: error %v, interrupted %v", name, err, run.Interrupted)
		}
	}
}

// TestInterruptedMeanwhile: what was measured before stays.
func TestInterruptedMeanwhile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	run := new(bench.Run)
	err := Measure(ctx, run, tiny(), stopper{cancel, 2})
	if !errors.Is(err, context.Canceled) || !run.Interrupted {
		t.Errorf("error %v, interrupted %v", err, run.Interrupted)
	}
	if s := run.Series[0]; len(s.Samples) == 0 || s.Variant != "parse" {
		t.Errorf("%+v", s)
	}
}

// stopper cancels when a round begins.
type stopper struct {
	cancel context.CancelFunc
	round  int
}

func (s stopper) Done() {}

func (s stopper) Show(status bench.Status) {
	if status.Round == s.round {
		s.cancel()
	}
}

func TestWithDefaults(t *testing.T) {
	o := Options{Rounds: 7}.WithDefaults()
	if o.Rounds != 7 || o.Sample == 0 || len(o.Connections) != 3 || o.Limits.Services != 10_000 || o.Limits.Servers != 1000 {
		t.Errorf("%+v", o)
	}
}

func TestDecades(t *testing.T) {
	for _, c := range []struct {
		first, last int
		want        string
	}{
		{1, 10, "[1 10]"}, {1, 500, "[1 10 100 500]"}, {1000, 1000, "[1000]"}, {1000, 100, "[100]"}, {1000, 1_000_000, "[1000 10000 100000 1000000]"},
	} {
		if got := fmt.Sprint(decades(c.first, c.last)); got != c.want {
			t.Errorf("%d to %d: %s, want %s", c.first, c.last, got, c.want)
		}
	}
}

func TestEnoughMemory(t *testing.T) {
	run := new(bench.Run)
	if !enoughMemory(run, 4, 1000) || len(run.Skipped) > 0 {
		t.Errorf("no memory for a thousand connections: %v", run.Skipped)
	}
	if enoughMemory(run, 6, 1<<50) || len(run.Skipped) != 1 {
		t.Errorf("memory for any number of connections: %v", run.Skipped)
	}
}
