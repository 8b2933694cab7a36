package wire

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"lvsdr/bench"
)

// ScenarioCurve is the name under which the rates of Options.Curve stand.
const ScenarioCurve = "overload"

// Metrics of ScenarioCurve.
const (
	MetricArrived = "arrived" // of a rate that was sent, frames/s
	MetricLoss    = "loss"    // of it, %
	MetricHeld    = "held"    // the least that arrived of any higher rate than the best one, % of what arrived of that
)

// paramOffered is the circumstance along which the curve goes.
const paramOffered = "offered"

// curve are the rates that are sent, in frames/s: far beyond what any peer takes on
// one processor.
var curve = []float64{100e3, 200e3, 400e3, 800e3, 1.6e6, 3.2e6, 6.4e6}

// reached is how much of a rate must have been sent for it to count as that.
const reached = 0.9

// curveCases measure a peer at each of the rates.
func (g *segment) curveCases() (cases []bench.Case) {
	for _, rate := range curve {
		cases = append(cases, bench.Case{
			Scenario: ScenarioCurve, Variant: g.peer.Name,
			Params: append(g.site.options.params(), bench.P(paramOffered, int(rate))),
			Measure: func(ctx context.Context) ([]bench.Reading, error) {
				t, err := g.trial(ctx, rate)
				if err != nil {
					return nil, err
				}
				if t.Offered() < rate*reached {
					return nil, fmt.Errorf("%w: the generator sends no more than %.0f frames/s", bench.ErrSkip, t.Offered())
				}
				return []bench.Reading{
					{Metric: MetricArrived, Unit: "frames/s", Better: bench.Higher, Value: t.Rate()},
					{Metric: MetricLoss, Unit: "%", Better: bench.Lower, Value: t.Loss() * 100},
				}, nil
			},
		})
	}
	return cases
}

// addHeld says of each peer how much it still carries when more is sent than it can
// carry, round by round, and has the curve drawn.
func addHeld(r *bench.Run, o *Options, peers []string) {
	for _, name := range peers {
		rounds := make(map[int][]float64) // what arrived, by rising rate
		for _, rate := range curve {
			s := r.Find(bench.Name{
				Scenario: ScenarioCurve, Variant: name, Metric: MetricArrived,
				Params: append(o.params(), bench.P(paramOffered, int(rate))),
			})
			if s == nil {
				continue // the generator does not send as much
			}
			for _, sample := range s.Samples {
				rounds[sample.Round] = append(rounds[sample.Round], sample.Value)
			}
		}
		c := bench.Case{Scenario: ScenarioCurve, Variant: name, Params: o.params()}
		for _, round := range slices.Sorted(maps.Keys(rounds)) {
			if share, known := held(rounds[round]); known {
				r.Record(&c, round, bench.Reading{Metric: MetricHeld, Unit: "%", Better: bench.Higher, Value: share * 100})
			}
		}
	}
	for _, p := range []bench.Plot{
		{Title: "Frames that arrive of those that are sent", Metric: MetricArrived, LogY: true},
		{Title: "Frames that are lost", Metric: MetricLoss},
	} {
		p.Scenario, p.Along, p.Unit, p.LogX = ScenarioCurve, paramOffered, "frames/s", true
		r.Plots = append(r.Plots, p)
	}
}

// held is the least of what arrived behind the best rate, as a share of the best;
// unknown, if none was higher.
func held(arrived []float64) (share float64, known bool) {
	best := slices.Max(arrived)
	behind := arrived[slices.Index(arrived, best)+1:]
	if best == 0 || len(behind) == 0 {
		return 0, false
	}
	return slices.Min(behind) / best, true
}
