package latency

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"lvsdr/bench"
)

// Measure measures all variants side by side and records what it finds. It needs
// root: without, it fails with lab.ErrPrivilege. What a variant lacks on this
// machine is noted in r as skipped, and so is one that fails to start. When the context ends, what is complete is in r.
// The progress may be nil.
func Measure(ctx context.Context, r *bench.Run, o Options, p bench.Progress) (err error) {
	if err := o.complete(); err != nil {
		return err
	}
	if p == nil {
		p = bench.Silent{}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + spareThreads))
	s, err := newSite(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	cases, err := s.start(ctx, r, p)
	for _, note := range append(s.lan.Notes(), s.notes...) {
		r.Skip(note.What, note.Why)
	}
	if err != nil {
		return err
	}
	r.Plots = append(r.Plots, o.plots()...)
	err = r.Rounds(ctx, o.Rounds, cases, p)
	s.addAdded(r)
	return err
}

// spareThreads is how many more threads than processors may run Go code. The
// client's never waits, and the forwarder's must not wait for another's place when
// it wakes up.
const spareThreads = 2

// start starts all variants, and returns what is to be measured.
func (s *site) start(ctx context.Context, r *bench.Run, progress bench.Progress) (cases []bench.Case, err error) {
	variants, err := s.options.variants()
	if err != nil {
		return nil, err
	}
	for _, v := range variants {
		progress.Show(bench.Status{What: "start " + v.Name})
		p, err := s.add(ctx, v)
		switch {
		case errors.Is(err, bench.ErrSkip):
			r.Skip(v.Name, err.Error())
		case err != nil && ctx.Err() != nil:
			r.Interrupted = true
			return nil, context.Cause(ctx)
		case err != nil && (s.lan.Err() != nil || v.Name == direct):
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		case err != nil: // of this variant's making: the others are as good
			r.Skip(v.Name, "it failed: "+err.Error())
		default:
			cases = append(cases, p.cases(r)...)
		}
	}
	return cases, nil
}

// circumstance is what datagrams meet.
type circumstance struct {
	name  string
	every time.Duration
	share float64 // of the load that the peer carries, that it carries beside
}

// circumstances are all of them.
func (o *Options) circumstances() []circumstance {
	all := []circumstance{
		{name: "none, back to back"},
		{name: fmt.Sprintf("none, every %v", o.Every), every: o.Every},
	}
	for _, share := range o.Shares {
		name := fmt.Sprintf("%.3g %%, every %v", share*100, o.Every)
		all = append(all, circumstance{name: name, every: o.Every, share: share})
	}
	return all
}

// newCase is a case of the variant under a load.
func (p *path) newCase(load string, measure func(context.Context) ([]bench.Reading, error)) bench.Case {
	return bench.Case{Scenario: Scenario, Variant: p.Name, Params: params(load), Measure: func(ctx context.Context) (found []bench.Reading, err error) {
		err = p.awake(func() (err error) {
			found, err = measure(ctx)
			return err
		})
		return found, err
	}}
}

func params(load string) []bench.Param { return []bench.Param{bench.P("load", load)} }

// cases are all that is measured of a variant. Distributions go to the run at once.
func (p *path) cases(r *bench.Run) (cases []bench.Case) {
	for _, c := range p.site.options.circumstances() {
		cases = append(cases, p.newCase(c.name, func(ctx context.Context) ([]bench.Reading, error) {
			return p.measure(ctx, r, c)
		}))
	}
	if threads, err := p.threads(); err != nil || len(threads) > 0 {
		cases = append(cases, p.newCase("none, idle", p.measureIdle))
	}
	return cases
}

// measureIdle takes the processor's time without traffic.
func (p *path) measureIdle(ctx context.Context) ([]bench.Reading, error) {
	share, err := p.idle(ctx, p.site.options.Time)
	if err != nil {
		return nil, err
	}
	return []bench.Reading{{Metric: MetricIdle, Unit: "%", Better: bench.Lower, Value: share * 100}}, nil
}

// warmShare is how long datagrams go before they count, in parts of a trial.
const warmShare = 10

// measure is one trial, on the client's processor.
func (p *path) measure(ctx context.Context, r *bench.Run, c circumstance) (found []bench.Reading, err error) {
	var t *trips
	var load float64
	err = p.site.onClient(func() (err error) {
		t, load, err = p.trial(ctx, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.distribute(r, c.name, t.took)
	found = append(t.readings(), bench.Reading{
		Metric: MetricLost, Unit: "%", Better: bench.Lower, Value: 100 * float64(t.lost) / float64(t.sent),
	})
	if c.share > 0 {
		found = append(found, bench.Reading{Metric: MetricLoad, Unit: "frames/s", Better: bench.Neither, Value: load})
	}
	return found, nil
}

// trial sends datagrams, first uncounted, and returns what became of them and how
// much load came beside them, in frames a second.
func (p *path) trial(ctx context.Context, c circumstance) (t *trips, load float64, err error) {
	length := p.site.options.Time
	warm := length / warmShare
	var between func()
	if c.share > 0 {
		// What the client is late, the load lasts longer.
		if err := p.background.begin(ctx, c.share, 2*(warm+length+patience)); err != nil {
			return nil, 0, err
		}
		between = p.background.step
	}
	if _, err := p.client.run(ctx, c.every, warm, between); err != nil {
		return nil, 0, err
	}
	before, err := p.background.arrived()
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	if t, err = p.client.run(ctx, c.every, length, between); err != nil {
		return nil, 0, err
	}
	took := time.Since(start)
	after, err := p.background.arrived()
	return t, float64(after-before) / took.Seconds(), err
}
