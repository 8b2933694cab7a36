package afxdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
	"lvsdr/frame"
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
	region   []byte
	queue    *ring[unix.XDPDesc] // frames to send
	done     *ring[uint64]       // chunks that the kernel gives back
	free     []uint64            // chunks without a frame, by their offset in the region
	last     uint32              // frames put into the queue since the start
	settled  uint32              // of them, those of which it is known what became of them
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
	if s.closed || !s.carries(f) {
		s.flush()
		s.behind = true
		s.fallback.Send(f)
		return
	}
	s.flushBehind()
	if !s.hasRoom() {
		s.lose(&s.noSpace, 1)
		return
	}
	chunk := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	n := fill(s.region[chunk:chunk+chunkSize], f)
	*s.queue.at(s.last) = unix.XDPDesc{Addr: chunk, Len: uint32(n)}
	s.last++
}

// hasRoom makes room for a frame, if need be by sending those before it.
func (s *Sender) hasRoom() bool {
	if s.last-s.queue.taken() == queueLen {
		s.flush()
	}
	if len(s.free) == 0 {
		s.flush()
		s.reap()
	}
	return len(s.free) > 0 && s.last-s.queue.taken() < queueLen
}

// carries reports whether a frame can go this way.
func (*Sender) carries(f *link.Frame) bool {
	n := len(f.Raw) - link.Headroom
	return n >= minFrame && n <= maxFrame && !f.Truncated() && !f.VNet().IsGSO()
}

// fill writes the frame as it goes on the wire, and returns its length.
func fill(chunk []byte, f *link.Frame) int {
	b := f.Raw[link.Headroom-link.VNetHeaderLen:]
	if f.TPID != 0 {
		b = f.PushTag()
	}
	n := copy(chunk, b[link.VNetHeaderLen:])
	if v := link.VNetHeader(b); v.Flags()&link.VNetNeedsChecksum != 0 {
		complete(chunk[:n], int(v.ChecksumStart()), int(v.ChecksumOffset()))
	}
	return n
}

// complete does what a network card does with a partial checksum
// (Documentation/networking/checksum-offloads.rst). One that is not in the frame
// is left as it is.
func complete(b []byte, start, offset int) {
	if start+offset+2 > len(b) {
		return
	}
	sum := frame.Checksum(b[start:], 0)
	if sum == 0 {
		sum = 0xffff // 0 would mean that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(b[start+offset:], sum)
}

// Flush sends what is queued. See [link.Sender].
func (s *Sender) Flush() (dropped int) {
	s.flush()
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

// flush has the kernel send the queue. A call takes a part of it only if it sends
// less at once, or if a frame was refused; one that takes nothing means that there
// is no room, or no interface, and what is left is lost.
func (s *Sender) flush() {
	if s.closed || s.last == s.queue.taken() {
		return
	}
	s.queue.publish(s.last)
	refused, errno := 0, unix.Errno(0)
	for left := s.last - s.queue.taken(); left > 0; {
		_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EBUSY { // a frame that the interface dropped
			refused++
		}
		before := left
		if left = s.last - s.queue.taken(); left == before && errno != unix.EINTR {
			break
		}
	}
	s.settle(refused, errno)
	s.reap()
}

// settle counts what became of the queue. Frames that were not sent are taken out:
// the kernel passes over an entry that points outside the region.
func (s *Sender) settle(refused int, errno unix.Errno) {
	s.lose(&s.noSpace, refused)
	sent := int32(s.queue.taken() - s.settled) // below 0: it has not passed over all yet
	s.frames.Add(uint64(max(sent, 0)) - uint64(refused))
	for i := s.settled + uint32(max(sent, 0)); i != s.last; i++ {
		e := s.queue.at(i)
		s.free = append(s.free, e.Addr)
		e.Addr = uint64(len(s.region))
		s.lose(s.reason(errno), 1)
	}
	s.settled = s.last
}

// reason is where a frame is counted that an error stopped.
func (s *Sender) reason(errno unix.Errno) *atomic.Uint64 {
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS, unix.EBUSY:
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
			s.free = append(s.free, chunk)
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
