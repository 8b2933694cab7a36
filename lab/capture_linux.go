package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	captureBuffer = 32 << 20     // asked for; the kernel may give less
	captureFrame  = 65536 + 4096 // the longest frame, super-frames included
)

// CaptureOption changes what a capture keeps.
type CaptureOption func(*Capture)

// SnapLen keeps only the first n bytes of each frame.
func SnapLen(n int) CaptureOption { return func(c *Capture) { c.snapLen = n } }

// Only keeps only the frames that match. The function runs on the capture's
// goroutine.
func Only(match func(Frame) bool) CaptureOption { return func(c *Capture) { c.match = match } }

// Capture collects the frames that pass an interface in both directions, as
// tcpdump sees them: before the ingress hooks and after the egress hooks of the
// host's packet filter. Frames are kept in memory until the capture is dropped.
type Capture struct {
	name    string
	snapLen int
	match   func(Frame) bool
	file    *os.File
	raw     syscall.RawConn

	receive sync.Mutex // one reader of the socket at a time
	buffer  []byte
	control []byte

	mu      sync.Mutex
	frames  []Frame
	changed chan struct{} // closed, and replaced, when there is more
	ended   error         // why no more frames come
}

// Capture starts to collect the frames of this interface. It goes on until
// Close, the lab's Close, or the interface's end.
func (i *Interface) Capture(options ...CaptureOption) *Capture {
	c := &Capture{
		name: i.String(), snapLen: captureFrame, changed: make(chan struct{}),
		buffer: make([]byte, captureFrame), control: make([]byte, 256),
	}
	for _, option := range options {
		option(c)
	}
	if err := c.open(i); err != nil {
		c.end(err)
		i.lab.fail(i.String()+": capture", err)
		return c
	}
	go func() { c.end(c.raw.Read(c.drain)) }()
	if err := i.lab.onClose(c.Close); err != nil {
		i.lab.fail(i.String()+": capture", err)
	}
	return c
}

// Capture is Interface(name).Capture.
func (h *Host) Capture(name string, options ...CaptureOption) *Capture {
	return h.Interface(name).Capture(options...)
}

func (c *Capture) open(i *Interface) error {
	fd, err := i.packetSocket(unix.ETH_P_ALL)
	if err != nil {
		return err
	}
	// The larger buffer needs CAP_NET_ADMIN in the first user namespace.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, captureBuffer)
	}
	c.file = os.NewFile(uintptr(fd), "packet socket")
	for _, option := range [][2]int{{unix.SOL_PACKET, unix.PACKET_AUXDATA}, {unix.SOL_SOCKET, unix.SO_TIMESTAMPNS}} {
		if err := unix.SetsockoptInt(fd, option[0], option[1], 1); err != nil {
			return errors.Join(fmt.Errorf("set socket option: %w", err), c.file.Close())
		}
	}
	c.raw, err = c.file.SyscallConn()
	return err
}

// packetSocket opens a non-blocking AF_PACKET socket on the interface. Without
// a protocol it only sends.
func (i *Interface) packetSocket(protocol uint16) (int, error) {
	index := 0
	err := i.with(func(_ *netlink.Handle, link netlink.Link) error {
		index = link.Attrs().Index
		return nil
	})
	if err != nil {
		return -1, err
	}
	fd := -1
	err = i.node.space().do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("open packet socket: %w", err)
	}
	address := &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: index}
	if err := unix.Bind(fd, address); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("bind packet socket: %w", err)
	}
	return fd, nil
}

// drain receives all frames that wait in the socket. It has the form that
// RawConn wants; false asks to be called again when there are more.
func (c *Capture) drain(fd uintptr) bool {
	c.receive.Lock()
	defer c.receive.Unlock()
	for {
		n, control, _, from, err := unix.Recvmsg(int(fd), c.buffer, c.control, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if detached(int(fd)) {
				c.end(unix.ENODEV)
				return true
			}
			return false
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN): // one ENETDOWN when it is set down
			continue
		case err != nil:
			c.end(err)
			return true
		}
		c.keep(c.frame(n, c.control[:control], from))
	}
}

// detached reports whether the socket's interface was deleted: it has index -1
// then, and receives nothing any more, without an error.
func detached(fd int) bool {
	name, err := unix.Getsockname(fd)
	link, ok := name.(*unix.SockaddrLinklayer)
	return err == nil && ok && link.Ifindex < 0
}

// frame makes a Frame of what was received.
func (c *Capture) frame(n int, control []byte, from unix.Sockaddr) Frame {
	f := Frame{Length: n}
	data := c.buffer[:min(n, len(c.buffer))]
	if link, ok := from.(*unix.SockaddrLinklayer); ok {
		f.Outgoing = link.Pkttype == unix.PACKET_OUTGOING
	}
	messages, _ := unix.ParseSocketControlMessage(control) // as the kernel wrote it
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 20:
			f.Partial = binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_CSUMNOTREADY != 0
			data = f.insertTag(data, m.Data)
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16:
			sec, nsec := binary.NativeEndian.Uint64(m.Data), binary.NativeEndian.Uint64(m.Data[8:])
			f.Time = time.Unix(int64(sec), int64(nsec))
		}
	}
	f.Data = append([]byte(nil), data[:min(len(data), c.snapLen)]...)
	return f
}

// insertTag puts the VLAN tag, which the kernel took out, back into the frame.
// aux is struct tpacket_auxdata.
func (f *Frame) insertTag(data, aux []byte) []byte {
	status := binary.NativeEndian.Uint32(aux)
	if status&unix.TP_STATUS_VLAN_VALID == 0 || len(data) < 12 {
		return data
	}
	tpid := uint16(unix.ETH_P_8021Q)
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = binary.NativeEndian.Uint16(aux[18:])
	}
	tagged := append(make([]byte, 0, len(data)+4), data[:12]...)
	tagged = binary.BigEndian.AppendUint16(tagged, tpid)
	tagged = binary.BigEndian.AppendUint16(tagged, binary.NativeEndian.Uint16(aux[16:]))
	f.Length += 4
	return append(tagged, data[12:]...)
}

func (c *Capture) keep(f Frame) {
	if c.match != nil && !c.match(f) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, f)
	c.wake()
}

// wake tells who waits; the lock is held.
func (c *Capture) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Capture) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		if err == nil {
			err = os.ErrClosed
		}
		c.ended = err
		c.wake()
	}
}

// Frames returns the frames so far, including all that have reached the
// interface before the call. The slice is the caller's, the bytes are not.
func (c *Capture) Frames() []Frame {
	frames, _, _ := c.look()
	return append([]Frame(nil), frames...)
}

func (c *Capture) look() (frames []Frame, changed chan struct{}, ended error) {
	if c.raw != nil {
		_ = c.raw.Control(func(fd uintptr) { c.drain(fd) }) // closed: nothing more comes
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames, c.changed, c.ended
}

// Count returns how many frames so far match.
func (c *Capture) Count(match func(Frame) bool) int {
	n := 0
	frames, _, _ := c.look()
	for _, f := range frames {
		if match(f) {
			n++
		}
	}
	return n
}

// WaitFor returns the first frame that matches, waiting for it if need be. It
// fails when the capture ends, when ctx ends, and, if ctx has no deadline,
// after 10 seconds.
func (c *Capture) WaitFor(ctx context.Context, match func(Frame) bool) (Frame, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	// The end of an interface wakes nobody.
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	seen := 0
	for {
		frames, changed, ended := c.look()
		for ; seen < len(frames); seen++ {
			if match(frames[seen]) {
				return frames[seen], nil
			}
		}
		if ended != nil {
			return Frame{}, fmt.Errorf("capture %s: wait for a frame: %w after %d", c.name, ended, seen)
		}
		select {
		case <-changed:
		case <-look.C:
		case <-ctx.Done():
			return Frame{}, fmt.Errorf("capture %s: wait for a frame: %w, %d others seen", c.name, context.Cause(ctx), seen)
		}
	}
}

// Clear forgets the frames so far, also for a WaitFor that starts afterwards.
func (c *Capture) Clear() {
	c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = nil
}

// Lost returns how many frames the kernel has dropped since the last call,
// because they came faster than they were collected.
func (c *Capture) Lost() int {
	lost := 0
	if c.raw == nil {
		return 0
	}
	_ = c.raw.Control(func(fd uintptr) { // closed: none since
		if stats, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			lost = int(stats.Drops)
		}
	})
	return lost
}

// Close collects what has already come and stops. The frames stay readable.
func (c *Capture) Close() error {
	if c.raw == nil {
		return nil
	}
	c.look()
	if err := c.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close capture %s: %w", c.name, err)
	}
	return nil
}
