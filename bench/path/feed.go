package path

import (
	"context"
	"time"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
)

// checkEvery is after how many frames a feed looks at the clock.
const checkEvery = 4096

// feed is a receiver that addresses the frames which a wire in memory lends, and
// measures how long the worker takes for them. When it has lent all, it says that
// the interface is down, upon which the worker returns and may run again.
type feed struct {
	*memlink.Receiver
	family   family
	services int
	ctx      context.Context

	// of one burst
	next  func() int // the flow of the next frame
	fresh bool       // to the service of new connections
	flags uint8
	left  int           // frames
	limit time.Duration // ends the burst, too
	start time.Time
	moved int
	took  time.Duration
	// What the program had allocated at the start, and has allocated since.
	before, mallocs uint64
}

var _ link.Receiver = (*feed)(nil)

// Receive lends frames until the burst is over.
func (f *feed) Receive(batch []link.Frame) (int, error) {
	if f.moved == 0 {
		f.before = mallocs()
		f.start = time.Now()
	}
	if f.left == 0 || f.moved%checkEvery == 0 && f.isOver() {
		f.took = time.Since(f.start)
		f.mallocs = mallocs() - f.before
		return 0, link.ErrDown
	}
	n, err := f.Receiver.Receive(batch[:min(len(batch), f.left)])
	for i := range batch[:n] {
		f.address(batch[i].Data())
	}
	f.left -= n
	f.moved += n
	return n, err
}

func (f *feed) isOver() bool {
	return f.moved > 0 && (f.ctx.Err() != nil || time.Since(f.start) >= f.limit)
}

func (f *feed) address(data []byte) {
	flow := f.next()
	vip, port := f.family.vip(0), uint16(freshPort)
	if !f.fresh {
		vip, port = f.family.service(flow % f.services)
	}
	f.family.address(data, flow, vip, port, f.flags)
}

// burst is what a feed lends next.
type burst struct {
	next  func() int
	fresh bool
	flags uint8
	left  int
	limit time.Duration
}

// established are frames of random ones among n connections, for as long as the
// time lasts.
func established(n int, seed dice, limit time.Duration) burst {
	return burst{next: func() int { return seed.below(n) }, flags: frame.TCPAck, left: 1 << 40, limit: limit}
}

// each is one frame of each of n flows from the first on.
func each(first, n int, flags uint8) burst {
	next := first - 1
	return burst{next: func() int { next++; return next }, flags: flags, left: n, limit: time.Hour}
}

func (f *feed) load(b burst) {
	f.next, f.fresh, f.flags, f.left, f.limit = b.next, b.fresh, b.flags, b.left, b.limit
	f.moved, f.took, f.mallocs = 0, 0, 0
}
