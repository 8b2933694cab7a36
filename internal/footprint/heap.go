package footprint

import "runtime/metrics"

// heap is what the runtime says of its heap.
type heap struct {
	live        uint64 // bytes that the last collection found alive
	goal        uint64 // bytes at which the next one shall end
	roots       uint64 // bytes beside the heap that it looks through: stacks and variables
	collections uint64
	allocations uint64 // objects
}

// room is how many bytes of garbage there may be.
func (h *heap) room() int { return max(0, int(h.goal)-int(h.live)) }

// read asks the runtime, which does not stop for it (runtime/metrics).
func read() heap {
	samples := [...]metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/heap/goal:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/heap/allocs:objects"},
		{Name: "/gc/scan/stack:bytes"},
		{Name: "/gc/scan/globals:bytes"},
	}
	metrics.Read(samples[:])
	return heap{
		live: value(&samples[0]), goal: value(&samples[1]),
		collections: value(&samples[2]), allocations: value(&samples[3]),
		roots: value(&samples[4]) + value(&samples[5]),
	}
}

// value is 0 for what a future runtime does not tell any more.
func value(s *metrics.Sample) uint64 {
	if s.Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s.Value.Uint64()
}
