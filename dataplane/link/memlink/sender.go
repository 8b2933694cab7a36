package memlink

import "lvsdr/dataplane/link"

// sendBatch is how many frames a Sender queues before it flushes them.
const sendBatch = 64

// Overheads that an interface's MTU does not count.
const (
	ethernetHeader = 14
	vlanTag        = 4
)

// Sender puts frames on a [Wire], for the far end to take. It implements
// [link.Sender]. A frame's VLAN tag stays beside it, where a receiver at the
// far end would find it.
type Sender struct {
	wire       *Wire
	generation int
	queue      [sendBatch]link.Frame
	queued     int
	dropped    int // since the last Flush by the caller

	// Guarded by the wire's lock.
	stats  link.SendStats
	closed bool
}

var _ link.Sender = (*Sender)(nil)

// Send queues the frame. See [link.Sender].
func (s *Sender) Send(f *link.Frame) {
	if s.queued == len(s.queue) {
		s.flush()
	}
	s.queue[s.queued] = *f
	s.queued++
}

// Flush puts the queued frames on the wire. See [link.Sender].
func (s *Sender) Flush() (dropped int) {
	s.flush()
	dropped, s.dropped = s.dropped, 0
	return dropped
}

func (s *Sender) flush() {
	if s.queued == 0 {
		return
	}
	w := s.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range s.queue[:s.queued] {
		if f := &s.queue[i]; !s.refused(f) {
			s.stats.Frames++
			w.take(f)
		}
		s.queue[i] = link.Frame{}
	}
	s.queued = 0
	w.changed.Broadcast()
}

// refused counts a frame that the interface does not take.
func (s *Sender) refused(f *link.Frame) bool {
	w := s.wire
	switch {
	case s.closed || !w.up || s.generation != w.generation:
		s.stats.Down++
	case len(f.Raw) < link.Headroom+ethernetHeader || f.Truncated():
		s.stats.Failed++
	case w.refuse != 0:
		w.refuse = max(w.refuse-1, -1)
		s.stats.NoSpace++
	case w.tooLong(f):
		s.stats.TooLong++
	default:
		return false
	}
	s.dropped++
	return true
}

// tooLong compares with the MTU; a tag does not count, as in the kernel.
func (w *Wire) tooLong(f *link.Frame) bool {
	if w.config.MTU == 0 || f.VNet().IsGSO() {
		return false
	}
	limit := w.config.MTU + ethernetHeader
	if data := f.Data(); data[12] == 0x81 && data[13] == 0 {
		limit += vlanTag
	}
	return len(f.Data()) > limit
}

// take keeps a copy of a sent frame for the far end.
func (w *Wire) take(f *link.Frame) {
	w.count++
	if !w.discard {
		w.sent = append(w.sent, fromFrame(f))
	}
}

// Stats counts since the Sender was opened. Any goroutine.
func (s *Sender) Stats() link.SendStats {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	return s.stats
}

// Close frees the handle; queued frames are lost.
func (s *Sender) Close() error {
	s.wire.mu.Lock()
	s.closed = true
	s.wire.mu.Unlock()
	s.flush()
	return nil
}
