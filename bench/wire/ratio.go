package wire

import "lvsdr/bench"

// addRatios sets the director beside the least that can be done with the same means,
// and beside the fastest that the kernel has without a connection table.
func addRatios(r *bench.Run, o *Options) {
	find := func(variant, metric string) *bench.Series {
		return r.Find(bench.Name{Scenario: Scenario, Variant: variant, Params: o.params(), Metric: metric})
	}
	for _, pair := range [][2]string{
		{"director", "forwarder"},
		{"director", "nft-fwd"},
		{"director-packet", "forwarder-packet"},
		{"director-packet", "nft-fwd"},
	} {
		for _, metric := range []string{MetricSaturated, MetricCPU} {
			r.Ratio(metric+": "+pair[0]+" / "+pair[1], find(pair[0], metric), find(pair[1], metric))
		}
	}
}
