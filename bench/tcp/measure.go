package tcp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/lan"
)

// cases are what is measured of a way.
func (s *site) cases(w *lan.Way) []bench.Case {
	asked := []bench.Param{bench.P("client", s.asker.name()), bench.P("servers", s.servers.web), bench.P("at once", s.options.Connections)}
	cases := []bench.Case{
		{Scenario: Connections, Variant: w.Name, Params: asked, Measure: s.ask(w, "connections", true)},
		{Scenario: Requests, Variant: w.Name, Params: asked, Measure: s.ask(w, "requests", false)},
	}
	for _, on := range []bool{true, false} {
		cases = append(cases, bench.Case{
			Scenario: Upload, Variant: w.Name, Measure: s.upload(w, on),
			Params: []bench.Param{bench.P("client", s.uploader.name()), bench.P("offloads", onOff(on))},
		})
	}
	return cases
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// ask measures requests, each on a connection of its own, or not.
func (s *site) ask(w *lan.Way, what string, anew bool) func(context.Context) ([]bench.Reading, error) {
	return func(ctx context.Context) ([]bench.Reading, error) {
		if err := s.switchOffloads(true); err != nil {
			return nil, err
		}
		o, cpu, err := s.timed(w, func() (outcome, error) {
			return s.asker.ask(ctx, netip.AddrPortFrom(w.Addr, webPort), s.options.Connections, s.options.Time, anew)
		})
		if err != nil {
			return nil, err
		}
		s.tell(w, o, what)
		return readings(o, what+"/s", 1, cpu, 1), nil
	}
}

// upload measures one upload.
func (s *site) upload(w *lan.Way, offloads bool) func(context.Context) ([]bench.Reading, error) {
	return func(ctx context.Context) ([]bench.Reading, error) {
		if err := s.switchOffloads(offloads); err != nil {
			return nil, err
		}
		o, cpu, err := s.timed(w, func() (outcome, error) { return s.uploader.upload(ctx, w.Addr, s.options.Time) })
		if err != nil {
			return nil, err
		}
		s.tell(w, o, "upload, offloads "+onOff(offloads))
		return readings(o, "bit/s", 8, cpu, 1024), nil
	}
}

// tell notes, once, why some of a load failed.
func (s *site) tell(w *lan.Way, o outcome, load string) {
	what := w.Name + ": " + load
	if o.failed > 0 && !slices.ContainsFunc(s.run.Skipped, func(n bench.Skip) bool { return n.What == what }) {
		s.run.Skip(what, fmt.Sprintf("%d of a measurement failed, see the metric %s: %s", o.failed, MetricFailed, o.why))
	}
}

// switchOffloads switches those of all hosts, if they are not so already.
func (s *site) switchOffloads(on bool) error {
	if s.offloads == on {
		return nil
	}
	s.offloads = on
	return s.SetOffloads(on)
}

// timed runs a load, and returns how long the peer's processor was busy with it;
// 0 if that is not known, or nobody is in between.
func (s *site) timed(w *lan.Way, load func() (outcome, error)) (o outcome, cpu time.Duration, err error) {
	began := time.Now()
	before, known, err := s.Idle()
	if err != nil {
		return o, 0, err
	}
	if o, err = load(); err != nil {
		return o, 0, err
	}
	after, _, err := s.Idle()
	if !known || w.Running == nil {
		return o, 0, err
	}
	return o, max(0, time.Since(began)-(after-before)), err
}

// readings are the figures of a load. A second of what was done counts scale times;
// cpu is what each of them took, or so many together.
func readings(o outcome, unit string, scale float64, cpu time.Duration, together float64) []bench.Reading {
	share := 0.0
	if tried := o.done + o.failed; o.failed > 0 {
		share = float64(o.failed) / float64(tried) * 100
	}
	all := []bench.Reading{
		{Metric: MetricRate, Unit: unit, Better: bench.Higher, Value: o.rate() * scale},
		{Metric: MetricFailed, Unit: "%", Better: bench.Lower, Value: share},
	}
	if cpu > 0 && o.done > 0 {
		all = append(all, bench.Reading{
			Metric: MetricCPU, Unit: "ns", Better: bench.Lower, Value: float64(cpu) / float64(o.done) * together,
		})
	}
	return all
}

// ratios adds what each peer is in units of direct.
func ratios(r *bench.Run) {
	for _, s := range slices.Clone(r.Series) {
		if s.Metric != MetricRate {
			continue
		}
		unit := s.Name
		unit.Variant = direct
		if s.Variant != direct {
			r.Ratio(s.Variant, s, r.Find(unit))
		}
	}
}

// plots says what a report draws.
func plots(r *bench.Run) {
	for _, p := range []struct{ scenario, title string }{
		{Connections, "New connections"}, {Requests, "Requests on open connections"}, {Upload, "Upload on one connection"},
	} {
		r.Plots = append(r.Plots, bench.Plot{Title: p.title, Scenario: p.scenario, Metric: MetricRate, Bars: true})
	}
}
