package dataplane

import "sync/atomic"

// Counters is how many frames got each verdict.
type Counters [verdictCount]uint64

// Received is the sum over all verdicts but those of kind Extra.
func (c *Counters) Received() (n uint64) {
	for v, count := range c {
		if Verdict(v).Kind() != Extra {
			n += count
		}
	}
	return n
}

// OfKind is the sum over the verdicts of one kind.
func (c *Counters) OfKind(k Kind) (n uint64) {
	for v, count := range c {
		if Verdict(v).Kind() == k {
			n += count
		}
	}
	return n
}

// counters are one worker's, written once a batch by that worker alone.
type counters [verdictCount]atomic.Uint64

// Counters returns the sums over all workers since the start.
func (p *Plane) Counters() (sum Counters) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.counters {
		for v := range c {
			sum[v] += c[v].Load()
		}
	}
	return sum
}

func (p *Plane) newCounters() *counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := new(counters)
	p.counters = append(p.counters, c)
	return c
}
