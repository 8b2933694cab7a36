package afxdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
	"lvsdr/internal/offheap"
)

// ErrBusy: the transmit queue has an AF_XDP socket already.
var ErrBusy = errors.New("another AF_XDP socket has it")

const (
	// minFrame is an Ethernet header. maxFrame is a standard frame without its
	// tag; who sends longer ones must ask what the interface takes, and AF_XDP
	// does not.
	minFrame = 14
	maxFrame = 1514
)

// Config says what [OpenSender] opens.
type Config struct {
	Interface string // named in errors
	Index     int
	Queue     int // transmit queue, from 0
	// Fallback sends what AF_XDP cannot. It goes out of the same interface, and
	// is closed with the Sender.
	Fallback link.Sender
}

// Sender copies frames into memory that it shares with the kernel, and has it send
// a batch at once. It implements [link.Sender]; of its methods, only Stats may be
// called from another goroutine than the one that sends.
type Sender struct {
	name     string
	fd       int
	pages    offheap.Memory
	region   []byte              // in pages; frames are sent from here
	queue    *ring[unix.XDPDesc] // frames to send
	done     *ring[uint64]       // chunks that the kernel gives back
	free     []uint64            // chunks without a frame, by their offset in the region
	last     uint32              // frames put into the queue since the start
	settled  uint32              // of them, those of which it is known what became of them
	errno    unix.Errno          // why the last frame was not sent
	refusing bool                // the kernel takes nothing, and is not asked again before the next Flush
	useless  bool                // it never will
	fallback link.Sender
	memory   link.Memory
	behind   bool // frames are queued in fallback
	closed   bool
	dropped  int // since the last Flush by the caller

	frames, noSpace, down, failed atomic.Uint64
}

var (
	_ link.Sender   = (*Sender)(nil)
	_ link.Measured = (*Sender)(nil)
)

// OpenSender opens a socket that sends out of one transmit queue of an interface.
// It needs CAP_NET_RAW, and may lock 4 MiB of memory. It fails with [ErrBusy] if
// the queue has such a socket already, and with [link.ErrGone] if there is no such
// interface; the fallback then stays open.
func OpenSender(c Config) (*Sender, error) {
	s := &Sender{name: c.Interface, fd: -1, fallback: c.Fallback, free: make([]uint64, 0, chunks)}
	if err := s.newSocket(&c); err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Interface, errors.Join(err, s.closeSocket()))
	}
	for at := chunks - 1; at >= 0; at-- {
		s.free = append(s.free, uint64(at*chunkSize))
	}
	s.memory = s.measure()
	return s, nil
}

// Send queues f. See [link.Sender].
func (s *Sender) Send(f *link.Frame) {
	if s.closed || s.useless || !carries(f) {
		s.flush()
		s.behind = true
		s.fallback.Send(f)
		return
	}
	s.flushBehind()
	if !s.hasRoom() {
		s.lose(s.reason(s.errno), 1)
		return
	}
	chunk := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	*s.queue.at(s.last) = fill(s.region, chunk, f)
	s.last++
}

// hasRoom makes room for a frame, if need be by sending those before it. While the
// kernel takes nothing, it is asked once for all frames up to the next Flush.
func (s *Sender) hasRoom() bool {
	full := func() bool { return s.last-s.queue.taken() == queueLen || len(s.free) == 0 }
	if full() && !s.refusing {
		s.flush()
		s.reap()
		s.refusing = full()
	}
	return !full()
}

// carries reports whether a frame can go this way.
func carries(f *link.Frame) bool {
	n := len(f.Raw) - link.Headroom
	return n >= minFrame && n <= maxFrame && !f.Truncated() && !f.VNet().IsGSO()
}

// fill writes a frame into a chunk, and returns what is to be sent of it. A partial
// checksum stays one: who sends the frame is told to complete it.
func fill(region []byte, chunk uint64, f *link.Frame) unix.XDPDesc {
	b := f.Raw[link.Headroom-link.VNetHeaderLen:]
	if f.TPID != 0 {
		b = f.PushTag()
	}
	n := copy(region[chunk+metadataLen:chunk+chunkSize], b[link.VNetHeaderLen:])
	d := unix.XDPDesc{Addr: chunk + metadataLen, Len: uint32(n)}
	if v := link.VNetHeader(b); v.Flags()&link.VNetNeedsChecksum != 0 {
		d.Options = unix.XDP_TX_METADATA
		m := region[chunk : chunk+metadataLen] // struct xsk_tx_metadata (linux/if_xdp.h)
		binary.NativeEndian.PutUint64(m, unix.XDP_TXMD_FLAGS_CHECKSUM)
		binary.NativeEndian.PutUint16(m[8:], v.ChecksumStart())
		binary.NativeEndian.PutUint16(m[10:], v.ChecksumOffset())
	}
	return d
}

// Flush sends what is queued. See [link.Sender].
func (s *Sender) Flush() (dropped int) {
	s.flush()
	s.refusing = false
	s.flushBehind()
	dropped, s.dropped = s.dropped, 0
	return dropped
}

// flushBehind sends what the fallback has queued.
func (s *Sender) flushBehind() {
	if s.behind {
		s.behind = false
		s.dropped += s.fallback.Flush()
	}
}

// flush has the kernel send the queue. A call may end before its end, because the
// interface dropped a frame (EBUSY) or has no room (EAGAIN). What it took it publishes
// then, or with the next call.
func (s *Sender) flush() {
	if s.closed || s.last == s.queue.taken() {
		return
	}
	s.queue.publish(s.last)
	refused, again := 0, 0
	for calls := 0; calls < 2*queueLen && again < 2 && s.queue.taken() != s.last; calls++ {
		before := s.queue.taken()
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
		moved := s.queue.taken() != before
		switch errno {
		case 0, unix.EAGAIN, unix.ENOBUFS:
			if again++; moved {
				again = 0
			}
			if errno == 0 && again == 2 {
				s.useless, errno = true, unix.EINVAL // it is a queue that receives only
			}
		case unix.EBUSY:
			refused++
		case unix.EINTR:
		default:
			again = 2
		}
		if errno != unix.EINTR {
			s.errno = errno
		}
	}
	s.settle(refused)
	s.reap()
}

// settle counts what became of the queue, of which the interface refused some frames.
// Frames that were not sent are taken out: the kernel passes over an entry that points
// outside the region.
func (s *Sender) settle(refused int) {
	taken := max(int32(s.queue.taken()-s.settled), 0) // below 0: it has not passed over all yet
	refused = min(refused, int(taken))
	s.lose(&s.noSpace, refused)
	s.frames.Add(uint64(int(taken) - refused))
	for i := s.settled + uint32(taken); i != s.last; i++ {
		e := s.queue.at(i)
		s.free = append(s.free, e.Addr&^(chunkSize-1))
		e.Addr = uint64(len(s.region))
		s.lose(s.reason(s.errno), 1)
	}
	s.settled = s.last
}

// reason is where a frame is counted that an error stopped.
func (s *Sender) reason(errno unix.Errno) *atomic.Uint64 {
	switch errno {
	case 0, unix.EAGAIN, unix.ENOBUFS, unix.EBUSY: // 0: all chunks are on their way
		return &s.noSpace
	case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
		return &s.down
	}
	return &s.failed
}

func (s *Sender) lose(why *atomic.Uint64, n int) {
	why.Add(uint64(n))
	s.dropped += n
}

// reap takes back the chunks of frames that have left. Some kernels also give back
// entries that they passed over.
func (s *Sender) reap() {
	from, to := s.done.taken(), s.done.published()
	for ; from != to; from++ {
		if chunk := *s.done.at(from); chunk < uint64(len(s.region)) {
			s.free = append(s.free, chunk&^(chunkSize-1))
		}
	}
	s.done.take(to)
}

// Stats counts since the Sender was opened, what went by the fallback included.
// Any goroutine.
func (s *Sender) Stats() link.SendStats {
	stats := s.fallback.Stats()
	stats.Frames += s.frames.Load()
	stats.NoSpace += s.noSpace.Load()
	stats.Down += s.down.Load()
	stats.Failed += s.failed.Load()
	return stats
}

// Close frees the socket, its memory and the fallback; queued frames are lost. A
// second Close does nothing.
func (s *Sender) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.lose(&s.down, int(s.last-s.settled))
	s.settled = s.last
	if err := errors.Join(s.closeSocket(), s.fallback.Close()); err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}
