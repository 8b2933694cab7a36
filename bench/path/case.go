package path

import (
	"context"
	"fmt"
	"time"

	"lvsdr/bench"
)

const (
	scenario = "path"
	// opsPerBatch is how much is done between two looks at the clock.
	opsPerBatch = 4096

	variantLines = "memory: independent lines"
	variantChase = "memory: pointer chase"
	variantHit   = "table: hit"
)

// newCase measures what a stopwatch says.
func newCase(variant string, params []bench.Param, measure func(context.Context) (stopwatch, error)) bench.Case {
	return bench.Case{
		Scenario: scenario, Variant: variant, Params: params,
		Measure: func(ctx context.Context) ([]bench.Reading, error) {
			s, err := measure(ctx)
			if err == nil {
				err = ctx.Err()
			}
			return s.readings(), err
		},
	}
}

// stepCase repeats a batch that returns how much it did.
func stepCase(variant string, params []bench.Param, sample time.Duration, batch func() int) bench.Case {
	return newCase(variant, params, func(context.Context) (s stopwatch, _ error) {
		s.during(sample, batch)
		return s, nil
	})
}

// timeCase is a stepCase without allocations: of what is not ours.
func timeCase(variant string, params []bench.Param, sample time.Duration, batch func() int) bench.Case {
	c := stepCase(variant, params, sample, batch)
	measure := c.Measure
	c.Measure = func(ctx context.Context) ([]bench.Reading, error) {
		readings, err := measure(ctx)
		return readings[:1], err
	}
	return c
}

// checkedCase repeats a batch of opsPerBatch lookups, of which the share (0 or 1)
// must find what they look for.
func checkedCase(variant string, params []bench.Param, sample time.Duration, share int, lookups func() int) bench.Case {
	return newCase(variant, params, func(context.Context) (s stopwatch, err error) {
		s.during(sample, func() int {
			if found := lookups(); found != share*opsPerBatch {
				err = fmt.Errorf("%d of %d lookups found a connection", found, opsPerBatch)
			}
			return opsPerBatch
		})
		return s, err
	})
}
