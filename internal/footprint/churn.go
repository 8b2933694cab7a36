package footprint

import (
	"runtime"
	"sync"
)

// largestObject is that which the allocator still takes from a span of its size.
const largestObject = 32 << 10

// churn makes garbage of all sizes on all processors, at least n bytes in all, with
// pointers and without, which the allocator keeps apart. The heap is as large then
// as garbage can make it: with the spans that each processor keeps of each size,
// and what lies unused in them.
func churn(n int) {
	workers := runtime.GOMAXPROCS(0)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { churnOnce(n / workers) })
	}
	running.Wait()
}

func churnOnce(n int) {
	for made := 0; made < n; {
		for size := 16; size <= largestObject; size += size/8 + 8 {
			plain := make([]byte, size)
			linked := make([]*byte, size/8)
			runtime.KeepAlive(&plain)
			runtime.KeepAlive(&linked)
			made += 2 * size
		}
	}
}
