package afpacket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

// Receiver lends the frames of one interface out of a memory-mapped ring. It
// implements [link.Receiver]; of its methods, only Interrupt and Stats may be
// called from another goroutine than the one that receives.
type Receiver struct {
	fd     int
	name   string
	ring   *ring
	copies copies
	memory link.Memory
	poll   Poll
	log    *slog.Logger

	sinceDry int  // frames since the ring was last found empty
	down     bool // ErrDown was reported, and no frame came since
	dead     bool // ErrGone was reported
	pending  error
	pollSet  [2]unix.PollFd

	interrupted atomic.Bool
	count       [8]byte // what the eventfd said
	frames      atomic.Uint64
	truncated   atomic.Uint64

	mu      sync.Mutex // for what other goroutines do with the descriptors
	closed  bool
	event   int     // eventfd
	one     [8]byte // what is written to it
	dropped uint64  // of the statistics, which the kernel clears as it tells them
}

var (
	_ link.Receiver = (*Receiver)(nil)
	_ link.Measured = (*Receiver)(nil)
)

// OpenReceiver opens a ring on an interface, which may be down: the first
// Receive then says so. It needs CAP_NET_RAW, and CAP_NET_ADMIN to queue more
// than a few super-frames. It fails with [link.ErrGone] if there is no such
// interface.
func OpenReceiver(c ReceiverConfig) (*Receiver, error) {
	name := interfaceName(c.Interface, c.Index)
	r, err := openReceiver(&c, name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return r, nil
}

func openReceiver(c *ReceiverConfig, name string) (_ *Receiver, err error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	fd, index, err := newSocket(c.Interface, c.Index)
	if err != nil {
		return nil, err
	}
	r := &Receiver{fd: fd, name: name, poll: c.Poll, log: c.Log, event: -1}
	defer func() {
		if err != nil {
			_ = r.Close()
		}
	}()
	if r.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	binary.NativeEndian.PutUint64(r.one[:], 1)
	r.pollSet = [2]unix.PollFd{
		{Fd: int32(fd), Events: unix.POLLIN | unix.POLLERR},
		{Fd: int32(r.event), Events: unix.POLLIN},
	}
	if err := r.prepare(c); err != nil {
		return nil, err
	}
	return r, r.start(c, index)
}

// prepare makes the ring. The order matters: the kernel refuses the options
// once the ring exists.
func (r *Receiver) prepare(c *ReceiverConfig) (err error) {
	if err := attachFilter(r.fd, rejectFilter()); err != nil {
		return err
	}
	err = setOptions(r.fd,
		option{"PACKET_VERSION", unix.PACKET_VERSION, unix.TPACKET_V2},
		option{"PACKET_VNET_HDR", unix.PACKET_VNET_HDR, 1},
		option{"PACKET_COPY_THRESH", unix.PACKET_COPY_THRESH, c.SlotSize},
		option{"PACKET_IGNORE_OUTGOING", unix.PACKET_IGNORE_OUTGOING, 1})
	if err != nil {
		return err
	}
	if err := setBuffer(r.fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, copyQueue); err != nil {
		return fmt.Errorf("SO_RCVBUF: %w", err)
	}
	if r.ring, err = newRing(r.fd, c.Slots, c.SlotSize); err != nil {
		return err
	}
	if err := r.copies.init(); err != nil {
		return fmt.Errorf("buffers for long frames: %w", err)
	}
	r.memory = link.Memory{Ring: len(r.ring.mem), Buffers: r.copies.memory.Bytes()}
	return nil
}

// start lets frames in. Until the socket is in its fanout group it would see
// the frames of all workers, so its own filter comes last.
func (r *Receiver) start(c *ReceiverConfig, index int) error {
	dev, err := bind(r.fd, index, unix.ETH_P_ALL)
	if err != nil {
		return err
	}
	if c.Workers > 1 {
		if err := joinFanout(r.fd, c.FanoutGroup, index); err != nil {
			return err
		}
	}
	macs := c.MACs
	if len(macs) == 0 {
		macs = [][6]byte{dev.mac}
	}
	if err := r.addMemberships(macs, dev, c.Promiscuous); err != nil {
		return err
	}
	return attachFilter(r.fd, receiveFilter(macs))
}

// joinFanout shares the interface's flows with the group's other sockets. No
// defragmentation and no rollover: both would take a frame from its flow's
// worker. The flag for outgoing frames is needed besides the option of the
// socket, which a group does not look at.
func joinFanout(fd int, group uint16, index int) error {
	if group == 0 {
		group = fanoutGroup(index)
	}
	mode := unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_IGNORE_OUTGOING
	err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, int(group)|mode<<16)
	if err != nil {
		return fmt.Errorf("fanout group %d: %w", group, err)
	}
	return nil
}

// addMemberships makes the interface accept frames to addresses that it does
// not own. The kernel takes them back when the socket closes.
func (r *Receiver) addMemberships(macs [][6]byte, dev device, promiscuous bool) error {
	for _, mac := range macs {
		if mac == dev.mac {
			continue
		}
		kind := uint16(unix.PACKET_MR_UNICAST)
		if mac[0]&1 != 0 {
			kind = unix.PACKET_MR_MULTICAST
		}
		if err := addMembership(r.fd, dev.index, kind, mac); err != nil {
			r.log.Warn("interface takes no further address: it goes promiscuous",
				"interface", r.name, "mac", fmt.Sprintf("% x", mac), "error", err)
			promiscuous = true
		}
	}
	if !promiscuous {
		return nil
	}
	if err := addMembership(r.fd, dev.index, unix.PACKET_MR_PROMISC, [6]byte{}); err != nil {
		return fmt.Errorf("promiscuous mode: %w", err)
	}
	return nil
}

func addMembership(fd, index int, kind uint16, mac [6]byte) error {
	mreq := unix.PacketMreq{Ifindex: int32(index), Type: kind, Alen: uint16(len(mac))}
	copy(mreq.Address[:], mac[:])
	return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mreq)
}

// Interrupt makes the current or the next Receive return. Any goroutine.
func (r *Receiver) Interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.interrupted.Store(true)
	// It can only fail because the counter is full, and then it is readable.
	_, _ = unix.Write(r.event, r.one[:])
}

// takeInterrupt ends the effect of Interrupt.
func (r *Receiver) takeInterrupt() {
	r.interrupted.Store(false)
	_, _ = unix.Read(r.event, r.count[:])
}

// Stats counts since the Receiver was opened. Any goroutine.
func (r *Receiver) Stats() link.ReceiveStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.countDropped()
	return link.ReceiveStats{
		Frames:    r.frames.Load(),
		Dropped:   r.dropped,
		Truncated: r.truncated.Load(),
	}
}

func (r *Receiver) countDropped() {
	if r.closed {
		return
	}
	if s, err := unix.GetsockoptTpacketStats(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		r.dropped += uint64(s.Drops)
	}
}

// Close frees the ring; a frame still lent must not be touched any more. A
// second Close does nothing.
func (r *Receiver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.countDropped()
	r.closed = true
	var errs []error
	if r.ring != nil {
		errs = append(errs, r.ring.close())
	}
	errs = append(errs, r.copies.close())
	if r.event >= 0 {
		errs = append(errs, unix.Close(r.event))
	}
	errs = append(errs, unix.Close(r.fd))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", r.name, err)
	}
	return nil
}

// Memory implements [link.Measured]. The kernel counts the ring's pages among
// those of the process from when they are mapped, as RssFile.
func (r *Receiver) Memory() link.Memory { return r.memory }
