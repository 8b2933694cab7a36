package latency

import (
	"context"
	"net/netip"
	"time"

	"lvsdr/bench/generator"
	"lvsdr/bench/lan"
)

// Load beside the datagrams.
const (
	loadFlows = 4096
	// stepFrames is how many frames of it the client sends at most between two looks
	// at its socket: it is away for some microseconds then.
	stepFrames = 4
	// saturateTime is how long it is found out what a peer carries.
	saturateTime = 100 * time.Millisecond
	// leastRate, in frames a second, is taken for what a peer carries that carried
	// nothing meanwhile: other programs had its processor.
	leastRate = 1000
	// What was on its way has arrived, or is lost, when no more comes for settleStill.
	settleLook  = 2 * time.Millisecond
	settleStill = 20 * time.Millisecond
)

// background is the load of one way: frames of other clients to the same service.
// The client's thread sends them too, a few at a time: where there are two
// processors only, another thread would keep the client from its own for whole time
// slices.
type background struct {
	trickle trickle
	arrived func() (uint64, error)
}

// trickle sends a load in small steps, as [generator.Trickle] does.
type trickle interface {
	Begin(generator.Load) error
	Step(most int) (more bool)
	Close() error
}

// newBackground opens the way's generator.
func (s *site) newBackground(w *lan.Way) (*background, error) {
	b := &background{arrived: s.loadArrived}
	t := generator.Traffic{
		Destination: [6]byte(w.MAC()), Source: [6]byte(s.sourceLink.MAC()),
		To: netip.AddrPortFrom(w.Addr, servicePort), Flows: loadFlows,
	}
	err := s.source.Do(func() error {
		opened, err := generator.OpenTrickle(s.sourceLink.Name(), t)
		b.trickle = opened
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// saturate sends as fast as it goes, and returns the rate at which frames arrived
// meanwhile. Those that the peer's ring still holds when sending ends, up to
// thousands, count for nothing: it did not carry them in that time. They are gone
// when saturate returns.
func (b *background) saturate(ctx context.Context) (rate float64, err error) {
	before, err := b.arrived()
	if err != nil {
		return 0, err
	}
	if err := b.trickle.Begin(generator.Load{Time: saturateTime}); err != nil {
		return 0, err
	}
	start := time.Now()
	for b.trickle.Step(64) && ctx.Err() == nil {
	}
	after, err := b.arrived()
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	return float64(after-before) / took.Seconds(), b.settle(ctx)
}

// settle waits until no more frames arrive.
func (b *background) settle(ctx context.Context) error {
	look := time.NewTicker(settleLook)
	defer look.Stop()
	last, moved := uint64(0), time.Now()
	for {
		n, err := b.arrived()
		if err != nil {
			return err
		}
		if n != last {
			last, moved = n, time.Now()
		}
		if time.Since(moved) >= settleStill {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-look.C:
		}
	}
}

// begin has step send a share of what the peer carries just now.
func (b *background) begin(ctx context.Context, share float64, length time.Duration) error {
	rate, err := b.saturate(ctx)
	if err != nil {
		return err
	}
	return b.trickle.Begin(generator.Load{Rate: share * max(rate, leastRate), Time: length})
}

// step sends what is due.
func (b *background) step() { b.trickle.Step(stepFrames) }

func (b *background) close() error { return b.trickle.Close() }
