package generator

import (
	"context"
	"fmt"
	"runtime"
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
	now      func() uint64 // ns
}

// OpenPacket returns a generator that sends by AF_PACKET, in the calling thread's
// network namespace.
func OpenPacket(name string, t Traffic) (Generator, error) {
	if err := t.complete(); err != nil {
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
	for g.walk.Done == 0 && ctx.Err() == nil {
		g.sendDue()
	}
	return Sent{Frames: g.walk.Sent, Time: time.Duration(g.now() - g.walk.Start)}, context.Cause(ctx)
}

// sendDue sends the frames that are due now, up to a batch.
func (g *packetGenerator) sendDue() {
	now := g.now()
	for i := range g.frames {
		if !g.walk.due(now) {
			break
		}
		flow, opens := g.walk.step()
		g.template.write(g.frames[i].Data(), flow, opens)
		g.sender.Send(&g.frames[i])
	}
	g.sender.Flush()
}

// Refused is how many frames the interface did not take.
func (g *packetGenerator) Refused() uint64 { return g.sender.Stats().Dropped() }

// Close frees the socket.
func (g *packetGenerator) Close() error {
	if err := g.sender.Close(); err != nil {
		return fmt.Errorf("close generator: %w", err)
	}
	return nil
}
