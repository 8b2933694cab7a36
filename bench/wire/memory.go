package wire

import (
	"context"
	"fmt"

	"lvsdr/bench"
	"lvsdr/bench/peer"
)

// Metrics of a peer that tells of its memory.
const (
	MetricResident = "rss"          // its resident memory after the saturated trial, MiB
	MetricDeclared = "rss declared" // what it says that should be, MiB
	MetricGC       = "gc"           // collections of garbage during that trial
)

// memory is what the peer holds; known is false if it does not tell.
func (g *segment) memory(ctx context.Context) (m peer.Memory, known bool, err error) {
	h, known := g.forwarder.(peer.Holder)
	if !known {
		return m, false, nil
	}
	if m, err = h.Memory(ctx); err != nil {
		return m, false, fmt.Errorf("%s: ask for its memory: %w", g.peer.Name, err)
	}
	return m, m.Resident > 0, nil
}

// saturate is the trial with as much as can be sent, and what it left in memory.
func (g *segment) saturate(ctx context.Context) (*Trial, []bench.Reading, error) {
	before, _, err := g.memory(ctx)
	if err != nil {
		return nil, nil, err
	}
	t, err := g.trial(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	after, known, err := g.memory(ctx)
	if err != nil || !known {
		return t, t.readings(), err
	}
	const mebi = 1 << 20
	return t, append(t.readings(),
		bench.Reading{Metric: MetricResident, Unit: "MiB", Better: bench.Lower, Value: float64(after.Resident) / mebi},
		bench.Reading{Metric: MetricDeclared, Unit: "MiB", Better: bench.Neither, Value: float64(after.Declared) / mebi},
		bench.Reading{Metric: MetricGC, Unit: "times", Better: bench.Lower, Value: float64(after.Collections - before.Collections)},
	), nil
}
