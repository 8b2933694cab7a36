package arp

import (
	"errors"
	"fmt"
	"net"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// member is a packet socket that receives nothing. It makes the interface take
// frames for the virtual MAC address and knows how the interface is, in the
// network namespace in which it was opened: mdlayher/raw has no way to either.
type member struct {
	conn  *packet.Conn
	index uint32
}

// join opens a member. A zero virtual MAC address joins nothing.
func join(ifi *net.Interface, virtual frame.MAC) (*member, error) {
	c, err := packet.Listen(ifi, packet.Raw, 0, nil) // protocol 0: nothing
	if err != nil {
		return nil, err
	}
	m := &member{conn: c, index: uint32(ifi.Index)}
	if virtual.IsZero() {
		return m, nil
	}
	// The driver filters for one more unicast address; the kernel falls back to
	// promiscuous mode where it cannot. It ends with the socket.
	mreq := unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_UNICAST, Alen: uint16(len(virtual))}
	copy(mreq.Address[:], virtual[:])
	err = m.control(func(fd int) error {
		return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &mreq)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("join %s: %w", virtual, err), c.Close())
	}
	return m, nil
}

// Up reports whether the interface is up and has a carrier. The error is
// ErrInterfaceGone when there is no such interface any more.
func (m *member) Up() (up bool, err error) {
	err = m.control(func(fd int) error {
		req, err := unix.NewIfreq("")
		if err != nil {
			return err
		}
		// The flags are asked for by name, and names change: ask for that first.
		req.SetUint32(m.index)
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, req); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req); err != nil {
			return err
		}
		const want = unix.IFF_UP | unix.IFF_RUNNING
		up = req.Uint16()&want == want
		return nil
	})
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return false, ErrInterfaceGone
	}
	return up, err
}

// Close ends the membership.
func (m *member) Close() error { return m.conn.Close() }

func (m *member) control(fn func(fd int) error) error {
	rc, err := m.conn.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := rc.Control(func(fd uintptr) { ferr = fn(int(fd)) }); err != nil {
		return err
	}
	return ferr
}
