package generator

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/afpacket"
)

// batch is how many frames are handed to the kernel at once.
const batch = 64

// packetGenerator sends by AF_PACKET.
type packetGenerator struct {
	sender   *afpacket.Sender
	template *template
	walk     walk
	frames   [batch]link.Frame
	sent     atomic.Uint64 // as of the last batch
	now      func() uint64 // ns
}

// OpenPacket returns a generator that sends by AF_PACKET, in the calling thread's
// network namespace.
func OpenPacket(name string, t Traffic) (Generator, error) {
	g, err := openPacket(name, t)
	if err != nil {
		return nil, err
	}
	return g, nil
}

func openPacket(name string, t Traffic) (*packetGenerator, error) {
	if err := t.Complete(); err != nil {
		return nil, err
	}
	sender, err := afpacket.OpenSender(afpacket.SenderConfig{Interface: name, Batch: batch})
	if err != nil {
		return nil, err
	}
	g := &packetGenerator{sender: sender, template: newTemplate(&t), walk: newWalk(&t), now: monotonic}
	for i := range g.frames {
		raw := make([]byte, link.Headroom+t.Size)
		copy(raw[link.Headroom:], g.template.frame)
		g.frames[i] = link.Frame{Raw: raw, WireLen: t.Size}
	}
	return g, nil
}

// monotonic is the clock of bpf_ktime_get_ns.
func monotonic() uint64 {
	var ts unix.Timespec
	// It fails for clocks that do not exist only.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return uint64(ts.Nano())
}

// Run sends one load.
func (g *packetGenerator) Run(ctx context.Context, l Load) (Sent, error) {
	if err := l.validate(); err != nil {
		return Sent{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g.walk.load(l)
	g.sent.Store(0)
	before := g.sender.Stats().Dropped()
	for g.walk.Done == 0 && ctx.Err() == nil {
		g.sendDue(batch)
	}
	return Sent{
		Frames: g.walk.Sent, Refused: g.sender.Stats().Dropped() - before, Time: g.elapsed(),
	}, context.Cause(ctx)
}

// sendDue sends the frames that are due now, up to a number that is at most a batch.
func (g *packetGenerator) sendDue(most int) {
	now := g.now()
	for i := range g.frames[:most] {
		if !g.walk.due(now) {
			break
		}
		flow, opens := g.walk.step()
		g.template.write(g.frames[i].Data(), flow, opens)
		g.sender.Send(&g.frames[i])
	}
	g.sender.Flush()
	g.sent.Store(g.walk.Sent)
}

// elapsed is since the load's first frame.
func (g *packetGenerator) elapsed() time.Duration {
	if g.walk.Start == 0 { // no frame yet
		return 0
	}
	return time.Duration(g.now() - g.walk.Start)
}

// Frames is how many were sent.
func (g *packetGenerator) Frames() uint64 { return g.sent.Load() }

// Close frees the socket.
func (g *packetGenerator) Close() error {
	if err := g.sender.Close(); err != nil {
		return fmt.Errorf("close generator: %w", err)
	}
	return nil
}
