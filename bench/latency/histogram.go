package latency

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"lvsdr/bench"
)

// longest is the longest round trip that a histogram tells from longer ones.
const longest = 10 * time.Second

// digits is how many digits of a round trip a histogram keeps.
const digits = 3

// quantiles are the percentiles that are figures of their own, each where so many
// datagrams were sent that some are beyond it.
var quantiles = []struct {
	metric  string
	percent float64
	least   uint64 // datagrams
}{
	{MetricP50, 50, 1},
	{MetricP90, 90, 10},
	{MetricP99, 99, 100},
	{MetricP999, 99.9, 1000},
}

// histogram counts round trips by how long they took, to three digits, in a fixed
// amount of memory.
type histogram struct{ counts *hdrhistogram.Histogram }

func newHistogram() histogram {
	return histogram{hdrhistogram.New(1, int64(longest), digits)}
}

// record counts one round trip. One that is too long counts as the longest.
func (h histogram) record(trip time.Duration) { h.recordMany(trip, 1) }

// recordMany counts so many that took as long.
func (h histogram) recordMany(trip time.Duration, n uint64) {
	// Values of this range cannot fail.
	_ = h.counts.RecordValues(int64(min(max(trip, 1), longest)), int64(n))
}

// add counts all round trips of another histogram too.
func (h histogram) add(other histogram) { h.counts.Merge(other.counts) }

// total is how many round trips were counted.
func (h histogram) total() uint64 { return uint64(h.counts.TotalCount()) }

// median is half of the round trips' upper bound; 0 if there are none.
func (h histogram) median() time.Duration { return time.Duration(h.counts.ValueAtPercentile(50)) }

// readings are the percentiles and the longest, in µs. A percentile that too few
// round trips tell is left out.
func (h histogram) readings() (all []bench.Reading) {
	if h.total() == 0 {
		return nil
	}
	for _, q := range quantiles {
		if h.total() >= q.least {
			all = append(all, reading(q.metric, h.counts.ValueAtPercentile(q.percent)))
		}
	}
	return append(all, reading(MetricMax, h.counts.Max()))
}

func reading(metric string, ns int64) bench.Reading {
	return bench.Reading{Metric: metric, Unit: unit, Better: bench.Lower, Value: micros(ns)}
}

func micros(ns int64) float64 { return float64(ns) / float64(time.Microsecond) }

// binWidth is the least share by which a bin of a distribution is above the one
// before: what a plot can show, in a file of moderate length.
const binWidth = 0.01

// bins are the counts for a plot, in µs.
func (h histogram) bins() (bins []bench.Bin) {
	for _, bar := range h.counts.Distribution() {
		if bar.Count == 0 {
			continue
		}
		upto, last := micros(bar.To), len(bins)-1
		if last > 0 && upto < bins[last-1].Upto*(1+binWidth) {
			bins[last].Upto = upto
			bins[last].Count += uint64(bar.Count)
			continue
		}
		bins = append(bins, bench.Bin{Upto: upto, Count: uint64(bar.Count)})
	}
	return bins
}
