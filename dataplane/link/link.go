package link

import "errors"

// Sizes of the space before the Ethernet header in [Frame].Raw.
const (
	// VNetHeaderLen is the length of struct virtio_net_hdr (linux/virtio_net.h).
	VNetHeaderLen = 10
	// Headroom is what every frame has before its Ethernet header: room to
	// push one 802.1Q tag (4 bytes), 2 bytes of padding, and, directly before
	// the Ethernet header, the virtio_net header.
	Headroom = VNetHeaderLen + 4 + 2
	// MaxFrame is the longest Ethernet frame that a link delivers: a GSO
	// super-frame of 64 KiB of IP packet, with its Ethernet header and tags.
	MaxFrame = 65536 + 14 + 8
)

// Errors that a worker decides on. Others mean that the handle is broken.
var (
	// ErrDown: the interface is down. The handle works again once it is up.
	ErrDown = errors.New("interface is down")
	// ErrGone: the interface was deleted. The handle never works again; open a
	// new one when an interface of that name appears.
	ErrGone = errors.New("interface is gone")
	// ErrClosed: the handle was closed.
	ErrClosed = errors.New("link is closed")
)

// Frame is one Ethernet frame lent by a [Receiver] or built by the caller.
//
// Raw starts with [Headroom] bytes; the last [VNetHeaderLen] of them are the
// frame's virtio_net header in the machine's byte order (all zero: a complete
// frame with complete checksums). The Ethernet frame follows and ends with Raw.
type Frame struct {
	Raw []byte
	// TCI and TPID are the 802.1Q or 802.1ad tag that the kernel took out of
	// the frame. TPID 0: there was none. A sender puts the tag back.
	TCI, TPID uint16
	// WireLen is the length of the Ethernet frame as it was received; larger
	// than len(Data()) if the frame was cut. Never forward such a frame.
	WireLen int
}

// Data returns the Ethernet frame, from the destination MAC on.
func (f *Frame) Data() []byte { return f.Raw[Headroom:] }

// VNet returns the frame's virtio_net header.
func (f *Frame) VNet() VNetHeader { return VNetHeader(f.Raw[Headroom-VNetHeaderLen : Headroom]) }

// Truncated reports whether bytes of the frame were lost on the way up.
func (f *Frame) Truncated() bool { return f.WireLen > len(f.Raw)-Headroom }

// Receiver lends the frames that arrive on one interface. All methods but
// Interrupt and Stats belong to one goroutine.
type Receiver interface {
	// Receive waits until at least one frame is there, lends up to len(batch)
	// of them, and returns how many. They are valid, and may be written to,
	// until the next call of Receive or Close. After Interrupt it returns 0 and
	// nil as soon as no frame is there, and may do so at any time.
	// Errors: ErrDown, ErrGone, ErrClosed, or what the kernel said, wrapped.
	Receive(batch []Frame) (int, error)
	// Interrupt makes the current or the next Receive return, with the frames
	// that are there or without any. Any goroutine.
	Interrupt()
	// Stats may be called from any goroutine.
	Stats() ReceiveStats
	// Close frees the handle and takes back all frames.
	Close() error
}

// Sender sends frames out of one interface. All methods but Stats belong to
// one goroutine.
type Sender interface {
	// Send queues the frame; its memory must not change until Flush. A full
	// queue is flushed first. Drops are seen in what Flush returns. Putting a
	// tag back moves the frame's head into the headroom: a frame with a tag
	// must be built anew to be sent again.
	Send(f *Frame)
	// Flush hands the queued frames to the kernel and returns how many frames
	// queued since the last Flush were not taken (queue full, interface down,
	// too long): they are lost, and counted in Stats.
	Flush() (dropped int)
	// Stats may be called from any goroutine.
	Stats() SendStats
	// Close frees the handle; queued frames are lost.
	Close() error
}

// ReceiveStats counts since the handle was opened.
type ReceiveStats struct {
	Frames    uint64 // lent
	Dropped   uint64 // lost because the ring was full (tp_drops)
	Truncated uint64 // lent, but cut
}

// SendStats counts since the handle was opened.
type SendStats struct {
	Frames  uint64 // taken by the kernel
	NoSpace uint64 // ENOBUFS or EAGAIN: the interface's queue is full
	Down    uint64 // ENETDOWN, ENXIO, ENODEV
	TooLong uint64 // EMSGSIZE: longer than the MTU and not GSO
	Failed  uint64 // anything else
}

// Dropped is the sum of the frames that were not sent.
func (s SendStats) Dropped() uint64 { return s.NoSpace + s.Down + s.TooLong + s.Failed }
