package wire

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/generator"
)

// Scenario is the name under which results stand.
const Scenario = "wire"

// precision is how close the search comes to the highest rate.
const precision = 0.02

// Metrics of the results.
const (
	MetricRate      = "rate"      // highest with less than the allowed loss, frames/s
	MetricSaturated = "saturated" // that arrive of as many as can be sent, frames/s
	MetricOffered   = "offered"   // that were sent then, frames/s
	MetricCPU       = "cpu"       // that the peer takes for a frame then, ns
	MetricLost      = "lost "     // + place, then, % of the frames sent; a peer's own reasons follow, where it had any
)

// Measure measures all peers side by side and records what it finds. It needs root:
// without, it fails with lab.ErrPrivilege. What a peer lacks on this machine is
// noted in r as skipped. When the context ends, what is complete is in r. The
// progress may be nil.
func Measure(ctx context.Context, r *bench.Run, o Options, p bench.Progress) (err error) {
	if err := o.complete(); err != nil {
		return err
	}
	s, err := newSite(o, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	cases, err := s.prepare(ctx, r)
	for _, note := range s.notes {
		r.Skip(note.What, note.Why)
	}
	if err != nil {
		return err
	}
	err = r.Rounds(ctx, o.Rounds, cases, s.progress)
	addRatios(r, &o)
	if o.Curve {
		addHeld(r, &o, s.measured())
	}
	return err
}

// measured are the names of the peers that could be measured.
func (s *site) measured() (names []string) {
	for _, g := range s.segments {
		if g.sink != nil {
			names = append(names, g.peer.Name)
		}
	}
	return names
}

// prepare starts all peers, and returns those that can be measured.
func (s *site) prepare(ctx context.Context, r *bench.Run) (cases []bench.Case, err error) {
	peers, err := choose(s.options.Peers)
	if err != nil {
		return nil, err
	}
	for _, p := range peers {
		s.progress.Show(bench.Status{What: "start " + p.Name})
		g := s.newSegment(p)
		switch err := g.start(ctx); {
		case errors.Is(err, bench.ErrSkip):
			r.Skip(p.Name, err.Error())
		case ctx.Err() != nil:
			r.Interrupted = true
			return nil, context.Cause(ctx)
		case err != nil && (p.direct || s.lab.Err() != nil):
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		case err != nil:
			r.Skip(p.Name, fmt.Sprintf("it failed: %v", err))
		default:
			cases = append(cases, bench.Case{
				Scenario: Scenario, Variant: p.Name, Params: s.options.params(), Measure: g.measure,
			})
			if s.options.Curve {
				cases = append(cases, g.curveCases()...)
			}
		}
	}
	return cases, nil
}

func (o *Options) params() []bench.Param {
	params := []bench.Param{
		bench.P("protocol", o.Protocol), bench.P("flows", o.Flows), bench.P("size", o.Size), bench.P("new", o.New),
	}
	if o.IPv6 {
		params = append(params, bench.P("family", "ipv6"))
	}
	return params
}

// start makes the segment forward, with all its flows open.
func (g *segment) start(ctx context.Context) (err error) {
	if err := g.site.lab.Err(); err != nil {
		return err
	}
	if !g.peer.direct {
		if g.forwarder, err = g.peer.start(ctx, g); err != nil {
			g.forwarder = nil
			return err
		}
		if err := g.site.lab.Err(); err != nil {
			return err
		}
		g.receiveInThread()
		if err := g.pinThreads(); err != nil {
			return err
		}
	}
	if err := g.openEnds(); err != nil {
		return err
	}
	if err := g.arrives(ctx); err != nil {
		return err
	}
	return g.openFlows(ctx)
}

// probe is a load that every peer carries.
const (
	probeRate   = 2000
	probeFrames = 64
)

// arrives finds out whether the peer forwards at all.
func (g *segment) arrives(ctx context.Context) error {
	t, err := g.try(ctx, generator.Load{Rate: probeRate, Time: time.Second, Frames: probeFrames, Open: g.peer.syn})
	if err != nil {
		return err
	}
	if t.Arrived() == 0 {
		return fmt.Errorf("of %d frames none arrived: %v", t.Sent, &t.Lost)
	}
	return nil
}

// measure takes one sample of a peer: the saturated rate, and from there the
// highest without loss.
func (g *segment) measure(ctx context.Context) ([]bench.Reading, error) {
	saturated, readings, err := g.saturate(ctx)
	if err != nil {
		return nil, err
	}
	found, err := g.search(ctx, saturated.Rate())
	if err != nil {
		return nil, err
	}
	return append([]bench.Reading{
		{Metric: MetricRate, Unit: "frames/s", Better: bench.Higher, Value: found},
	}, readings...), nil
}

// search finds the highest rate.
func (g *segment) search(ctx context.Context, start float64) (float64, error) {
	s := NewSearch(start, g.site.options.Loss, precision)
	for {
		rate, more := s.Next()
		if !more {
			return s.Found(), nil
		}
		t, err := g.trial(ctx, rate)
		if err != nil {
			return 0, err
		}
		loss := t.Loss()
		if !t.KeptUp() {
			loss = max(loss, g.site.options.Loss) // with more time it would lose the rest
		}
		s.Report(t.Offered(), loss)
	}
}

// warmShare is how long a load runs before it counts, in parts of a trial.
const warmShare = 5

// trial sends at a rate, 0 for as fast as possible, first uncounted.
func (g *segment) trial(ctx context.Context, rate float64) (*Trial, error) {
	length := g.site.options.Time
	if _, err := g.try(ctx, generator.Load{Rate: rate, Time: length / warmShare}); err != nil {
		return nil, err
	}
	t, err := g.try(ctx, generator.Load{Rate: rate, Time: length})
	if err != nil {
		return nil, err
	}
	g.site.progress.trial(t)
	return t, nil
}

// readings are the figures of a saturated trial.
func (t *Trial) readings() []bench.Reading {
	readings := []bench.Reading{
		{Metric: MetricSaturated, Unit: "frames/s", Better: bench.Higher, Value: t.Rate()},
		{Metric: MetricOffered, Unit: "frames/s", Better: bench.Neither, Value: t.Offered()},
	}
	if arrived := t.Arrived(); t.Measured && arrived > 0 {
		readings = append(readings, bench.Reading{
			Metric: MetricCPU, Unit: "ns", Better: bench.Lower, Value: float64(t.CPU) / float64(arrived),
		})
	}
	for _, place := range []struct {
		name   string
		frames float64
	}{
		{"wire", float64(t.Lost.Wire)},
		{"ring", float64(t.Lost.Ring)},
		{"peer", float64(t.Lost.Dropped())},
		{"send", float64(t.Lost.Send)},
		{"elsewhere", float64(t.Lost.Elsewhere)},
	} {
		readings = append(readings, bench.Reading{
			Metric: MetricLost + place.name, Unit: "%", Better: bench.Neither,
			Value: place.frames / float64(max(t.Sent, 1)) * 100,
		})
	}
	for _, reason := range slices.Sorted(maps.Keys(t.Lost.Reasons)) {
		readings = append(readings, bench.Reading{
			Metric: MetricLost + "peer: " + reason, Unit: "%", Better: bench.Neither,
			Value: float64(t.Lost.Reasons[reason]) / float64(max(t.Sent, 1)) * 100,
		})
	}
	return readings
}
