package afpacket

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

// Limits and sizes of sending.
const (
	maxBatch = 1024 // UIO_MAXIOV: what one sendmmsg takes
	// sendQueue is the socket's room for frames that the driver holds: a batch
	// of 64 super-frames.
	sendQueue = 8 << 20

	ethernetHeader = 14
)

// Sender queues frames and hands them to the kernel with sendmmsg, straight
// from the memory they lie in. It implements [link.Sender]; of its methods,
// only Stats may be called from another goroutine than the one that sends.
type Sender struct {
	fd      int
	name    string
	closed  bool
	queue   *queue
	dropped int // since the last Flush by the caller

	frames, noSpace, down, tooLong, failed atomic.Uint64
}

var _ link.Sender = (*Sender)(nil)

// OpenSender opens a socket that sends out of one interface, which may be
// down. It needs CAP_NET_RAW. It fails with [link.ErrGone] if there is no such
// interface.
func OpenSender(c SenderConfig) (*Sender, error) {
	name := interfaceName(c.Interface, c.Index)
	s, err := openSender(&c, name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return s, nil
}

func openSender(c *SenderConfig, name string) (*Sender, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	fd, index, err := newSocket(c.Interface, c.Index)
	if err != nil {
		return nil, err
	}
	if err := prepareSender(fd, index, c.Qdisc); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &Sender{fd: fd, name: name, queue: newQueue(c.Batch)}, nil
}

func prepareSender(fd, index int, qdisc bool) error {
	opts := []option{{"PACKET_VNET_HDR", unix.PACKET_VNET_HDR, 1}}
	if !qdisc {
		opts = append(opts, option{"PACKET_QDISC_BYPASS", unix.PACKET_QDISC_BYPASS, 1})
	}
	if err := setOptions(fd, opts...); err != nil {
		return err
	}
	if err := setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, sendQueue); err != nil {
		return fmt.Errorf("SO_SNDBUF: %w", err)
	}
	_, err := bind(fd, index, 0)
	return err
}

// Send queues f. A frame with a VLAN tag gets it pushed into the headroom,
// which moves its MAC addresses: such a frame is sent once. See [link.Sender].
func (s *Sender) Send(f *link.Frame) {
	if len(f.Raw) < link.Headroom+ethernetHeader || f.Truncated() {
		s.lose(&s.failed, 1)
		return
	}
	if s.queue.full() {
		s.flush()
	}
	if f.TPID != 0 {
		s.queue.add(f.PushTag())
		return
	}
	s.queue.add(f.Raw[link.Headroom-link.VNetHeaderLen:])
}

// Flush sends what is queued. See [link.Sender].
func (s *Sender) Flush() (dropped int) {
	s.flush()
	dropped, s.dropped = s.dropped, 0
	return dropped
}

// flush goes on behind a frame that the kernel refused: sendmmsg stops there,
// and tells why only when that frame comes first.
func (s *Sender) flush() {
	if s.closed {
		s.lose(&s.down, s.queue.n)
		s.queue.clear()
		return
	}
	for sent := 0; sent < s.queue.n; {
		n, errno := s.queue.send(s.fd, sent)
		if errno == 0 {
			s.frames.Add(uint64(n))
			sent += n
			continue
		}
		sent += s.refused(errno, s.queue.n-sent)
	}
	s.queue.clear()
}

// refused counts what errno costs, of the frames that are left: one frame, or
// all where the next would fare no better. EINTR costs nothing.
func (s *Sender) refused(errno unix.Errno, left int) (lost int) {
	switch errno {
	case unix.EINTR:
		return 0
	case unix.ENOBUFS, unix.EAGAIN:
		return s.lose(&s.noSpace, 1)
	case unix.EMSGSIZE:
		return s.lose(&s.tooLong, 1)
	case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
		return s.lose(&s.down, left)
	default:
		return s.lose(&s.failed, 1)
	}
}

func (s *Sender) lose(why *atomic.Uint64, n int) int {
	why.Add(uint64(n))
	s.dropped += n
	return n
}

// Stats counts since the Sender was opened. Any goroutine.
func (s *Sender) Stats() link.SendStats {
	return link.SendStats{
		Frames:  s.frames.Load(),
		NoSpace: s.noSpace.Load(),
		Down:    s.down.Load(),
		TooLong: s.tooLong.Load(),
		Failed:  s.failed.Load(),
	}
}

// Close frees the socket; queued frames are lost. A second Close does nothing.
func (s *Sender) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.flush()
	if err := unix.Close(s.fd); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}
