package wire

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"lvsdr/bench/generator"
	"lvsdr/bench/peer"
	"lvsdr/bench/processor"
	"lvsdr/bench/sink"
)

// Trial is what became of one load.
type Trial struct {
	Sent uint64        // frames
	Time time.Duration // that they were sent for
	// Delivered frames, by real server.
	Delivered []uint64
	// InTime are those that had arrived when sending ended. The others were still on
	// the way: in a ring, for the most part, which a peer may empty at its leisure.
	InTime uint64
	Lost   Lost
	// CPU is what the peer took from its processor, receiving included, and
	// Measured whether it is known.
	CPU      time.Duration
	Measured bool
	Gaps     int // see generator.Sent
}

// Lost are frames that did not arrive, by place.
type Lost struct {
	Wire uint64 // the interface that they were sent to had no room
	peer.Drops
	Send uint64 // the servers' interface had no room
	// Elsewhere: nobody tells of them. Below 0, frames came twice.
	Elsewhere int64
}

// Arrived is the sum over the servers.
func (t *Trial) Arrived() (n uint64) {
	for _, frames := range t.Delivered {
		n += frames
	}
	return n
}

// Loss is the share of frames that did not arrive, 0 to 1.
func (t *Trial) Loss() float64 {
	if t.Sent == 0 || t.Arrived() >= t.Sent {
		return 0
	}
	return float64(t.Sent-t.Arrived()) / float64(t.Sent)
}

// Offered is the rate at which frames were sent, in frames a second.
func (t *Trial) Offered() float64 { return float64(t.Sent) / t.Time.Seconds() }

// Rate is the rate at which frames arrived while they were sent.
func (t *Trial) Rate() float64 { return float64(t.InTime) / t.Time.Seconds() }

// KeptUp reports whether the peer took frames as fast as they came: hardly more were on
// the way when sending ended than a peer has that wakes up now and then.
func (t *Trial) KeptUp() bool { return t.Rate() >= t.Offered()*(1-precision) }

// Dropped is the sum over the peer's own reasons.
func (l *Lost) Dropped() (n uint64) {
	for _, frames := range l.Reasons {
		n += frames
	}
	return n
}

// String says where frames were lost, with their numbers.
func (l *Lost) String() string {
	text := fmt.Sprintf("wire %d, ring %d, send %d, elsewhere %d", l.Wire, l.Ring, l.Send, l.Elsewhere)
	for _, reason := range slices.Sorted(maps.Keys(l.Reasons)) {
		text += fmt.Sprintf(", %s %d", reason, l.Reasons[reason])
	}
	return text
}

// known is how many frames arrived, or are known to be lost.
func (t *Trial) known() uint64 {
	return t.Arrived() + t.Lost.Wire + t.Lost.Ring + t.Lost.Dropped() + t.Lost.Send
}

// counters are all that is counted on a segment at one moment.
type counters struct {
	wire, send uint64
	sink       sink.Counts
	drops      peer.Drops
	cpu        time.Duration
}

// devices reads what the kernel counts on the way. A veth counts as its own drop
// what had no room at its other end.
func (g *segment) devices() (wire, send uint64, err error) {
	wire = g.link.Stat("tx_dropped")
	if g.host != nil {
		send = g.out.Stat("tx_dropped")
	}
	return wire, send, g.site.lab.Err()
}

// read reads all counters. The processor's time comes last.
func (g *segment) read(ctx context.Context) (c counters, err error) {
	if err := g.readWay(&c); err != nil {
		return c, err
	}
	if err := g.readDrops(ctx, &c); err != nil {
		return c, err
	}
	return c, g.readTime(&c)
}

// readWay reads what costs the peer nothing.
func (g *segment) readWay(c *counters) (err error) {
	if c.wire, c.send, err = g.devices(); err != nil {
		return err
	}
	c.sink, err = g.sink.Counts()
	return err
}

// readDrops asks the peer, which takes some of its time.
func (g *segment) readDrops(ctx context.Context, c *counters) (err error) {
	if g.forwarder == nil {
		return nil
	}
	if c.drops, err = g.forwarder.Drops(ctx); err != nil {
		return fmt.Errorf("%s: count drops: %w", g.peer.Name, err)
	}
	return nil
}

func (g *segment) readTime(c *counters) error {
	if g.forwarder == nil {
		return nil
	}
	threads, err := g.forwarder.Threads()
	if err != nil {
		return err
	}
	c.cpu, err = processor.Time(append(threads, g.receiving...))
	return err
}

// try sends one load and waits until its frames have arrived or are lost.
func (g *segment) try(ctx context.Context, l generator.Load) (*Trial, error) {
	before, err := g.read(ctx)
	if err != nil {
		return nil, err
	}
	sent, err := g.send(ctx, l)
	if err != nil {
		return nil, err
	}
	end, err := g.sink.Counts()
	if err != nil {
		return nil, err
	}
	t, err := g.settle(ctx, &before, sent.Frames)
	if err != nil {
		return nil, err
	}
	t.InTime = end.Total() - before.sink.Total()
	t.Sent, t.Time, t.Gaps = sent.Frames, sent.Time, sent.Gaps
	// What AF_PACKET sends to a veth is received on the sender's processor.
	t.Measured = g.host != nil && len(g.receiving) > 0 && g.kind == generator.LiveFrames
	t.Lost.Elsewhere = int64(t.Sent) - int64(t.known())
	return t, nil
}

// since is what was counted between two moments.
func (c *counters) since(b *counters) *Trial {
	t := &Trial{
		Delivered: make([]uint64, len(c.sink.Servers)), CPU: c.cpu - b.cpu,
		Lost: Lost{
			Wire: c.wire - b.wire, Send: c.send - b.send,
			Drops: peer.Drops{Ring: c.drops.Ring - b.drops.Ring, Reasons: make(map[string]uint64)},
		},
	}
	for i := range t.Delivered {
		t.Delivered[i] = c.sink.Servers[i] - b.sink.Servers[i]
	}
	for reason, n := range c.drops.Reasons {
		if n -= b.drops.Reasons[reason]; n > 0 {
			t.Lost.Reasons[reason] = n
		}
	}
	return t
}

// send runs the generator on its processor, in its network.
func (g *segment) send(ctx context.Context, l generator.Load) (sent generator.Sent, err error) {
	err = g.site.generator.Do(func() error {
		run := func() (err error) {
			sent, err = g.generator.Run(ctx, l)
			return err
		}
		if !g.site.processors.Apart {
			return run()
		}
		return processor.Pinned(g.site.processors.Load, run)
	})
	return sent, err
}

// The end of a trial: it is known what became of each frame, or for so long no
// more was learned. A thread that receives may have to wait for its processor.
const (
	settleLook  = 2 * time.Millisecond
	settleQuiet = 20 * time.Millisecond
	settleStill = 200 * time.Millisecond
	settleLimit = 5 * time.Second
)

// settle waits until no frame is under way, and returns what was counted since. The
// peer is not asked before frames have stopped to arrive, and its time is read first:
// that it answers is none of its work.
func (g *segment) settle(ctx context.Context, before *counters, sent uint64) (*Trial, error) {
	look := time.NewTicker(settleLook)
	defer look.Stop()
	began := time.Now()
	moved, last, timed := began, uint64(0), false
	for now := *before; ; {
		if err := g.readWay(&now); err != nil {
			return nil, err
		}
		t := now.since(before)
		if n := t.Arrived() + t.Lost.Wire + t.Lost.Send; n != last {
			moved, last, timed = time.Now(), n, false
		}
		still := time.Since(moved)
		if last >= sent || still > settleQuiet {
			if !timed {
				if err := g.readTime(&now); err != nil {
					return nil, err
				}
				timed = true
			}
			if err := g.readDrops(ctx, &now); err != nil {
				return nil, err
			}
			t = now.since(before)
			if t.known() >= sent || still > settleStill || time.Since(began) > settleLimit {
				return t, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-look.C:
		}
	}
}
