package path

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"lvsdr/bench"
)

// Schedulers whose growth with the real servers is measured: one that takes turns,
// one that weighs turns, one that looks at each server, and two that hash.
var schedulers = []string{"rr", "wrr", "wlc", "sh", "mh"}

// growth is one thing that grows while the others stay.
type growth struct {
	name  string // the circumstance
	title string
	// metric is time, or, where several work at once, rate.
	metric string
	points []int
	// world has that many of it.
	world func(n int) []blueprint
	// cases are what is measured in a world.
	cases func(w *world, params []bench.Param, sample time.Duration) []bench.Case
}

// Grow measures how the cost of a frame grows with connections, services, real
// servers and workers, and records into the run. Errors are those of Measure.
func Grow(ctx context.Context, run *bench.Run, o Options, p bench.Progress) error {
	o = o.WithDefaults()
	for _, g := range growths(o) {
		run.Plots = append(run.Plots, bench.Plot{
			Title: g.title, Scenario: "growth/" + g.name, Metric: g.metric, Along: g.name, LogX: g.metric == "time",
		})
		if err := g.measure(ctx, run, o, p); err != nil {
			return interrupted(ctx, run, err)
		}
	}
	return nil
}

func growths(o Options) []growth {
	last := o.Connections[len(o.Connections)-1]
	base := min(last, 100_000)
	return []growth{
		{
			name: "connections", title: "Time of a frame by connections", metric: "time", points: decades(1000, last),
			world: func(n int) []blueprint { return []blueprint{{connections: n}} },
			cases: func(w *world, params []bench.Param, sample time.Duration) []bench.Case {
				return w.cases(params, sample)
			},
		},
		{
			name: "services", title: "Time of a frame by services", metric: "time", points: decades(1, o.Limits.Services),
			world: func(n int) []blueprint { return []blueprint{{connections: base, services: n, servers: 1}} },
			cases: func(w *world, params []bench.Param, sample time.Duration) []bench.Case {
				return w.cases(params, sample)[:1]
			},
		},
		{
			name: "servers", title: "Time of a new connection by real servers", metric: "time",
			points: decades(1, o.Limits.Servers),
			world: func(n int) (all []blueprint) {
				for _, s := range schedulers {
					all = append(all, blueprint{connections: 1000, servers: n, scheduler: s})
				}
				return all
			},
			cases: func(w *world, params []bench.Param, sample time.Duration) []bench.Case {
				return []bench.Case{newCase("new, "+w.scheduler, params, w.measureNew(sample))}
			},
		},
		{
			name: "workers", title: "Frames a second by workers", metric: "rate", points: upTo(o.Limits.Workers),
			world: func(n int) []blueprint { return []blueprint{{connections: base, workers: n}} },
			cases: func(w *world, params []bench.Param, sample time.Duration) []bench.Case {
				return []bench.Case{w.rateCase(params, sample)}
			},
		},
	}
}

// measure builds the worlds, all of them at once, and measures them side by side.
func (g *growth) measure(ctx context.Context, run *bench.Run, o Options, p bench.Progress) (err error) {
	var open closers
	defer func() { err = errors.Join(err, open.Close()) }()
	var cases []bench.Case
	for _, n := range g.points {
		p.Show(bench.Status{What: fmt.Sprintf("building %d %s", n, g.name)})
		for _, b := range g.world(n) {
			b.family = 4
			if !enoughMemory(run, b.family, b.connections) {
				continue
			}
			w, err := newWorld(ctx, b)
			if err != nil {
				return err
			}
			open = append(open, w)
			for _, c := range g.cases(w, []bench.Param{bench.P(g.name, n)}, o.Sample) {
				c.Scenario = "growth/" + g.name
				cases = append(cases, c)
			}
		}
	}
	return run.Rounds(ctx, o.Rounds, cases, p)
}

// rateCase is how many frames all workers forward in a second, each from a wire of
// its own, into one connection table.
func (w *world) rateCase(params []bench.Param, sample time.Duration) bench.Case {
	seed := dice(1)
	return bench.Case{
		Variant: "whole way: established", Params: params,
		Measure: func(ctx context.Context) ([]bench.Reading, error) {
			bursts := make([]burst, len(w.lanes))
			for i := range bursts {
				seed++
				bursts[i] = established(w.connections, seed, sample)
			}
			moved, took, err := w.forwardAll(bursts)
			if err != nil {
				return nil, err
			}
			rate := float64(moved) / took.Seconds()
			return []bench.Reading{{Metric: "rate", Unit: "frames/s", Better: bench.Higher, Value: rate}}, nil
		},
	}
}

// decades are the powers of ten times first, to last.
func decades(first, last int) (points []int) {
	for n := first; n < last; n *= 10 {
		points = append(points, n)
	}
	return append(points, last)
}

// upTo are the numbers to n; to the number of cores if n is 0.
func upTo(n int) (points []int) {
	if n == 0 {
		n = runtime.NumCPU()
	}
	for i := range n {
		points = append(points, i+1)
	}
	return points
}
