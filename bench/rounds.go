package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// ErrSkip, wrapped, is what Case.Measure returns for what cannot be measured
// here; the error's text says why and what would help.
var ErrSkip = errors.New("skipped")

// Case is one thing to be measured, once a round.
type Case struct {
	Scenario, Variant string
	Params            []Param
	// Measure takes one sample of each of the case's figures. It may say how it
	// gets on through the Progress of Rounds.
	// Errors: ErrSkip, and the context's, which ends the run; others too.
	Measure func(ctx context.Context) ([]Reading, error)
}

// String returns the name without a metric.
func (c *Case) String() string {
	n := Name{Scenario: c.Scenario, Variant: c.Variant, Params: c.Params}.String()
	return n[:len(n)-1]
}

// Reading is one measured value with the name of its figure.
type Reading struct {
	Metric, Unit string
	Better       Better
	Value        float64
}

// Rounds measures all cases side by side, round by round: first in their order, then
// in a random one, so that none has always the same before it. What is complete is
// in the run, also when it fails. A canceled context marks the run as interrupted.
// A case that says ErrSkip is noted and not tried again. The progress may be nil.
func (r *Run) Rounds(ctx context.Context, rounds int, cases []Case, progress Progress) error {
	left := make([]*Case, len(cases))
	for i := range cases {
		left[i] = &cases[i]
	}
	pace := newPace(rounds*len(cases), progress)
	defer pace.end()
	for round := 1; round <= rounds; round++ {
		var skipped []*Case
		for _, c := range left {
			if ctx.Err() != nil {
				return r.interrupt(ctx)
			}
			pace.begin(c, round, rounds)
			readings, err := c.Measure(ctx)
			switch {
			case errors.Is(err, ErrSkip):
				r.Skip(c.String(), err.Error())
				skipped = append(skipped, c)
				pace.forget(rounds - round)
			case err != nil && ctx.Err() != nil:
				return r.interrupt(ctx)
			case err != nil:
				return fmt.Errorf("%s: %w", c, err)
			default:
				r.Record(c, round, readings...)
				pace.done()
			}
		}
		left = slices.DeleteFunc(left, func(c *Case) bool { return slices.Contains(skipped, c) })
		shuffle := rand.New(rand.NewPCG(uint64(round), 0)) // the same in each run
		shuffle.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	}
	return nil
}

func (r *Run) interrupt(ctx context.Context) error {
	r.Interrupted = true
	return context.Cause(ctx)
}

// pace knows how far the rounds are.
type pace struct {
	progress    Progress
	start       time.Time
	steps, past int
}

func newPace(steps int, p Progress) *pace {
	if p == nil {
		p = Silent{}
	}
	return &pace{progress: p, start: time.Now(), steps: steps}
}

func (p *pace) begin(c *Case, round, rounds int) {
	p.progress.Show(Status{What: c.String(), Round: round, Rounds: rounds, Left: p.left()})
}

// left is the time that the steps to come take, if they are as long as those
// before.
func (p *pace) left() time.Duration {
	if p.past == 0 {
		return 0
	}
	return time.Since(p.start) / time.Duration(p.past) * time.Duration(p.steps-p.past)
}

func (p *pace) done() { p.past++ }

// forget takes off the present step and n steps to come.
func (p *pace) forget(n int) { p.steps -= n + 1 }

func (p *pace) end() { p.progress.Done() }
