package latency

import (
	"fmt"

	"lvsdr/bench"
)

// distribute adds a trial's round trips to the run's distribution of the variant
// under a load.
func (p *path) distribute(r *bench.Run, load string, trips histogram) {
	sum, begun := p.total[load]
	if !begun {
		sum = newHistogram()
		p.total[load] = sum
	}
	sum.add(trips)
	name := bench.Name{Scenario: Scenario, Variant: p.Name, Metric: metricOf(load)}
	for _, d := range r.Distributions {
		if d.Name.Equal(name) {
			d.Bins = sum.bins()
			return
		}
	}
	r.Distributions = append(r.Distributions, &bench.Distribution{Name: name, Unit: unit, Bins: sum.bins()})
}

// metricOf is the distributions' metric: plots tell them apart by it, and there is
// one for each load.
func metricOf(load string) string { return fmt.Sprintf("%s, load %s", MetricTrips, load) }

// plots are a picture for each load, with a line for each variant.
func (o *Options) plots() (plots []bench.Plot) {
	for _, c := range o.circumstances() {
		plots = append(plots, bench.Plot{
			Title: "Round trips, load " + c.name, Scenario: Scenario, Metric: metricOf(c.name), LogX: true,
		})
	}
	return plots
}

// addAdded records what each variant adds to the median without any, round by
// round.
func (s *site) addAdded(r *bench.Run) {
	for _, c := range s.options.circumstances() {
		name := bench.Name{Scenario: Scenario, Variant: direct, Params: params(c.name), Metric: MetricP50}
		base := r.Find(name)
		if base == nil {
			continue
		}
		for _, p := range s.paths {
			name.Variant = p.Name
			if of := r.Find(name); of != nil && of != base {
				added(r, of, base)
			}
		}
	}
}

// added records the differences of two series.
func added(r *bench.Run, of, direct *bench.Series) {
	base := make(map[int]float64)
	for _, sample := range direct.Samples {
		base[sample.Round] = sample.Value
	}
	c := bench.Case{Scenario: Scenario, Variant: of.Variant, Params: of.Params}
	for _, sample := range of.Samples {
		if without, ok := base[sample.Round]; ok {
			r.Record(&c, sample.Round, bench.Reading{
				Metric: MetricAdded, Unit: unit, Better: bench.Lower, Value: sample.Value - without,
			})
		}
	}
}
