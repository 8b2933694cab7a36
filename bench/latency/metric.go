package latency

// Scenario is the name under which results stand.
const Scenario = "latency"

// direct is the variant without a peer, from which what peers add is counted. It is
// the servers alone: where it fails nothing can be measured.
const direct = "direct"

// unit of round trips in the results: microseconds.
const unit = "µs"

// Metrics of the results.
const (
	MetricP50   = "p50"        // half of the round trips took at most so long, µs; a lost one took a second
	MetricP90   = "p90"        // the same of 90 %
	MetricP99   = "p99"        // of 99 %
	MetricP999  = "p99.9"      // of 99.9 %
	MetricMax   = "max"        // the longest, µs
	MetricAdded = "added"      // p50 above that of no peer, in the same round, µs
	MetricTrips = "round trip" // of the distributions, µs
	MetricLost  = "lost"       // of the datagrams sent, %
	MetricLoad  = "load"       // that came to the servers beside them, frames/s
	MetricIdle  = "idle cpu"   // that the peer takes while there is no traffic, % of a processor
)
