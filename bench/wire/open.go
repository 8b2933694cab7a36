package wire

import (
	"context"
	"fmt"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/generator"
)

// Opening all flows of a peer: in steps, from half of what it took at once, faster
// while hardly a frame is lost. Where the first frame of a flow must not be lost,
// all is done again, a few times.
const (
	openProbe   = 100 * time.Millisecond
	openStep    = time.Second
	openTries   = 3
	openLongest = 5 * time.Minute // for one peer; ten million take less on any machine that is not busy
)

// opening is how far a peer is with its flows.
type opening struct {
	segment *segment
	rate    float64 // of the next step
	least   float64 // that it is
	end     time.Time
	about   bench.Status
}

// openFlows has a peer that keeps something for each flow see all of them, so that
// what is measured are flows that are open: in TCP established ones, where the peer
// knows a state. What takes too long is left out, and noted.
func (g *segment) openFlows(ctx context.Context) error {
	if !g.peer.states {
		return nil
	}
	t, err := g.try(ctx, generator.Load{Time: openProbe, Open: g.peer.syn})
	if err != nil {
		return err
	}
	rate := max(t.Rate()/2, probeRate)
	o := &opening{
		segment: g, rate: rate, least: max(rate/4, probeRate), end: time.Now().Add(openLongest),
		about: bench.Status{What: fmt.Sprintf("%s: open %d flows", g.peer.Name, g.site.options.Flows)},
	}
	tcp := g.site.options.Protocol == generator.TCP
	for range openTries {
		loss, err := o.pass(ctx, g.peer.syn)
		if err != nil {
			return err
		}
		if !tcp || loss < g.site.options.Loss/2 {
			break // else what is still lost shows in the figures
		}
	}
	if tcp && g.peer.syn {
		_, err = o.pass(ctx, false)
	}
	return err
}

// pass sends a frame of each flow, and returns the share that was lost.
func (o *opening) pass(ctx context.Context, open bool) (loss float64, err error) {
	flows := uint64(o.segment.site.options.Flows)
	sent, arrived := uint64(0), uint64(0)
	for sent < flows {
		if time.Now().After(o.end) {
			o.segment.site.note(o.segment.peer.Name, fmt.Sprintf(
				"of %d flows %d were opened in %v, the others are as they are measured", flows, arrived, openLongest))
			break
		}
		t, err := o.segment.try(ctx, generator.Load{
			Rate: o.rate, Time: 2 * openStep, Frames: min(flows-sent, uint64(o.rate*openStep.Seconds())), Open: open,
		})
		if err != nil {
			return 0, err
		}
		sent, arrived = sent+t.Sent, arrived+t.Arrived()
		o.rate = o.nextRate(t.Loss())
		o.show(t, flows-min(sent, flows))
	}
	return 1 - float64(arrived)/float64(max(sent, arrived, 1)), nil
}

// openLoss is the share of lost frames that says that a step was too fast; less may
// be the machine's own noise.
const openLoss = 0.02

// nextRate is faster after a step without a loss, and slower after one that was too
// fast, but never below a part of the first.
func (o *opening) nextRate(loss float64) float64 {
	switch {
	case loss > openLoss:
		return max(o.rate/2, o.least)
	case loss < o.segment.site.options.Loss/2:
		return o.rate * 1.25
	}
	return o.rate
}

func (o *opening) show(t *Trial, left uint64) {
	s := o.about
	s.Moving, s.Rate, s.Loss = true, t.Rate(), t.Loss()
	if s.Rate > 0 {
		s.Left = time.Duration(float64(left) / s.Rate * float64(time.Second))
	}
	o.segment.site.progress.Show(s)
}
