package path

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"lvsdr/bench"
)

// Options say how much is measured.
type Options struct {
	Rounds      int           // of all cases; default: 10
	Sample      time.Duration // how long a case is measured in a round; default: 50 ms
	Connections []int         // sizes of the connection table; default: 1,000, 100,000, 1 M
	Limits      Limits        // of bench growth; default: those of the documentation
}

// Limits are the last points of what bench growth varies. Points before them are
// powers of ten.
type Limits struct {
	Services, Servers int // default: 10,000 and 1,000
	Workers           int // default: one for each core
}

// Quick is enough to see that all works.
func Quick() Options {
	return Options{
		Rounds: 3, Sample: 5 * time.Millisecond, Connections: []int{1_000, 100_000},
		Limits: Limits{Services: 100, Servers: 100},
	}
}

// Large is a table size for machines with some 6 GiB to spare.
const Large = 10_000_000

// WithDefaults returns the options with the defaults of those that are not set.
func (o Options) WithDefaults() Options {
	o.Rounds = cmp.Or(o.Rounds, 10)
	o.Sample = cmp.Or(o.Sample, 50*time.Millisecond)
	if len(o.Connections) == 0 {
		o.Connections = []int{1_000, 100_000, 1_000_000}
	}
	o.Limits.Services = cmp.Or(o.Limits.Services, 10_000)
	o.Limits.Servers = cmp.Or(o.Limits.Servers, 1000)
	return o
}

// Measure measures the forward path and its steps, and records into the run.
// Errors: the context's, and those of a machine without the memory.
func Measure(ctx context.Context, run *bench.Run, o Options, p bench.Progress) (err error) {
	o = o.WithDefaults()
	run.Plots = append(run.Plots, bench.Plot{
		Title: "The forward path by connections", Scenario: scenario, Metric: "time", Along: "connections", LogX: true,
	})
	var cases []bench.Case
	var open closers
	defer func() { err = errors.Join(err, open.Close()) }()
	for _, f := range []family{4, 6} {
		for i, n := range o.Connections {
			p.Show(bench.Status{What: fmt.Sprintf("opening %d connections, %v", n, f)})
			if !enoughMemory(run, f, n) {
				continue
			}
			b := blueprint{family: f, connections: n}.withDefaults()
			some, err := prepare(ctx, b, o.Sample, i == 0, &open)
			if err != nil {
				return interrupted(ctx, run, err)
			}
			cases = append(cases, some...)
		}
	}
	err = run.Rounds(ctx, o.Rounds, cases, p)
	addRatios(run)
	return err
}

// interrupted marks the run, if it was the context that ended it.
func interrupted(ctx context.Context, run *bench.Run, err error) error {
	if ctx.Err() != nil {
		run.Interrupted = true
		return context.Cause(ctx)
	}
	return err
}

// prepare opens the connections of a blueprint and returns what is measured with
// them; with the first of a family, its steps too.
func prepare(ctx context.Context, b blueprint, sample time.Duration, first bool, open *closers) ([]bench.Case, error) {
	table, err := newTable(ctx, b)
	if err != nil {
		return nil, err
	}
	*open = append(*open, table)
	w, err := newWorld(ctx, b)
	if err != nil {
		return nil, err
	}
	*open = append(*open, w)
	m, err := newMemory(table.Stats().Bytes)
	if err != nil {
		return nil, err
	}
	*open = append(*open, m)
	of := []bench.Param{bench.P("family", b.family)}
	sized := append(of[:1:1], bench.P("connections", b.connections))
	var cases []bench.Case
	if first {
		cases = append(cases, newSteps(b.family, w.table, table).cases(of, sample)...)
		cases = append(cases, wireCase(w, of, sample))
	}
	cases = append(cases, table.cases(sized, sample)...)
	cases = append(cases, w.cases(sized, sample)...)
	return append(cases, m.cases(sized, sample)...), nil
}

// closers are closed all together.
type closers []io.Closer

func (c *closers) Close() (err error) {
	for _, one := range *c {
		err = errors.Join(err, one.Close())
	}
	*c = nil
	return err
}

// wireCase is what the whole way costs without the worker.
func wireCase(w *world, params []bench.Param, sample time.Duration) bench.Case {
	return newCase("the wire alone", params, func(context.Context) (s stopwatch, err error) {
		l := w.lanes[0]
		err = l.runWire(established(w.connections, 1, sample))
		s.add(l.feed)
		return s, err
	})
}

// cases measure the whole way.
func (w *world) cases(params []bench.Param, sample time.Duration) []bench.Case {
	return []bench.Case{
		newCase("whole way: established", params, w.measureEstablished(sample)),
		newCase("whole way: new", params, w.measureNew(sample)),
	}
}

func (w *world) measureEstablished(sample time.Duration) func(context.Context) (stopwatch, error) {
	seed := dice(1)
	return func(context.Context) (s stopwatch, err error) {
		seed++ // other flows in each round
		f, err := w.forward(established(w.connections, seed, sample))
		s.add(f)
		return s, err
	}
}

// measureNew opens connections until they have taken the time of a sample.
func (w *world) measureNew(sample time.Duration) func(context.Context) (stopwatch, error) {
	return func(ctx context.Context) (s stopwatch, err error) {
		for err == nil && (s.ops == 0 || s.took < sample && ctx.Err() == nil) {
			var f *feed
			f, err = w.openFresh()
			s.add(f)
			w.closeFresh()
		}
		return s, err
	}
}

// addRatios adds what a lookup takes in units of the memory's limit.
func addRatios(run *bench.Run) {
	for _, s := range run.Series[:len(run.Series):len(run.Series)] {
		if s.Variant != variantHit || s.Metric != "time" {
			continue
		}
		limit := s.Name
		limit.Variant = variantLines
		run.Ratio(variantHit+" / independent lines", s, run.Find(limit))
	}
}
