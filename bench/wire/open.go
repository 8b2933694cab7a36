package wire

import (
	"context"
	"fmt"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/generator"
)

// Opening all flows of a peer: in steps, from half of what it took at once, faster
// while hardly a frame is lost. Where the first frame of a flow must not be lost, a
// step is done again, a few times.
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
	began   time.Time
	end     time.Time
	steps   int
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
		segment: g, rate: rate, least: max(rate/4, probeRate),
		began: time.Now(), end: time.Now().Add(openLongest),
		about: bench.Status{What: fmt.Sprintf("%s: open %d flows", g.peer.Name, g.site.options.Flows)},
	}
	return o.all(ctx)
}

// all opens all flows.
func (o *opening) all(ctx context.Context) error {
	flows := uint64(o.segment.site.options.Flows)
	for done := uint64(0); done < flows; {
		if time.Now().After(o.end) {
			o.segment.site.note(o.segment.peer.Name, fmt.Sprintf(
				"of %d flows %d were opened in %v, the others are as they are measured", flows, done, openLongest))
			return nil
		}
		t, err := o.step(ctx, flows-done)
		if err != nil {
			return err
		}
		done += t.Sent
		o.show(t, flows-done)
	}
	return nil
}

// step opens some flows, at most so many. In TCP it does so until hardly one is
// lost, what is left then shows in the figures; and where SYNs open flows, the next
// frame of each follows: what is half open is soon forgotten.
func (o *opening) step(ctx context.Context, most uint64) (t *Trial, err error) {
	g := o.segment
	tcp := g.site.options.Protocol == generator.TCP
	l := generator.Load{Time: 2 * openStep, Frames: min(most, uint64(o.rate*openStep.Seconds())), Open: g.peer.syn}
	for tries := 1; ; tries++ {
		l.Rate = o.rate
		if t, err = g.try(ctx, l); err != nil {
			return nil, err
		}
		o.rate = o.nextRate(t.Loss())
		if !tcp || tries == openTries || t.Loss() < g.site.options.Loss/2 {
			break
		}
		l.Again, l.Frames = true, t.Sent
	}
	if tcp && g.peer.syn {
		_, err = g.try(ctx, generator.Load{Rate: l.Rate, Time: l.Time, Frames: t.Sent, Again: true})
	}
	return t, err
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
	o.steps++
	s.Round, s.Rounds = o.steps, o.steps
	if each := t.Sent; each > 0 {
		s.Rounds += int((left + each - 1) / each)
		s.Left = time.Since(o.began) / time.Duration(o.steps) * time.Duration(s.Rounds-o.steps)
	}
	o.segment.site.progress.Show(s)
}
