package path

import (
	"runtime"
	"time"

	"lvsdr/bench"
)

// stopwatch sums what was timed of one sample.
type stopwatch struct {
	ops     int
	took    time.Duration
	mallocs uint64
}

// during runs batch, which returns how much it did, again and again until the
// time is over, at least once.
func (s *stopwatch) during(d time.Duration, batch func() int) {
	before, start := mallocs(), time.Now()
	for ran := false; !ran || time.Since(start) < d; ran = true {
		s.ops += batch()
	}
	s.took += time.Since(start)
	s.mallocs += mallocs() - before
}

// add adds one burst.
func (s *stopwatch) add(f *feed) {
	s.ops += f.moved
	s.took += f.took
	s.mallocs += f.mallocs
}

// mallocs is how many objects the program has allocated. It stops the world for a
// moment.
func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

// readings are time and allocations of one operation.
func (s *stopwatch) readings() []bench.Reading {
	n := float64(max(s.ops, 1))
	return []bench.Reading{s.time(), {Metric: "allocations", Unit: "a frame", Better: bench.Lower, Value: float64(s.mallocs) / n}}
}

func (s *stopwatch) time() bench.Reading {
	return bench.Reading{Metric: "time", Unit: "ns", Better: bench.Lower, Value: float64(s.took.Nanoseconds()) / float64(max(s.ops, 1))}
}
