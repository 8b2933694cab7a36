package neighbor

import (
	"errors"
	"net"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// arpSocket is an AF_PACKET socket for ETH_P_ARP on one interface, in the
// network namespace in which it was opened. Such a socket does not see what
// this host sends.
type arpSocket struct {
	*packet.Conn
	index uint32
}

// open returns the socket of the resolver. mac is the address that it asks
// with.
func open(ifi *net.Interface, mac frame.MAC) (socket, error) {
	// An own MAC address is none of the frames called someone else's.
	foreign := mac
	if frame.MAC(ifi.HardwareAddr) == mac {
		foreign = frame.MAC{}
	}
	prog, err := filter(foreign)
	if err != nil {
		return nil, err
	}
	// The filter is in place before the socket is bound: no frame gets past it.
	c, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ARP, &packet.Config{Filter: prog})
	if err != nil {
		return nil, err
	}
	return &arpSocket{c, uint32(ifi.Index)}, nil
}

// Read returns one frame.
func (s *arpSocket) Read(b []byte) (int, error) {
	n, _, err := s.ReadFrom(b)
	return n, err
}

// Write sends one frame.
func (s *arpSocket) Write(b []byte) (int, error) {
	return s.WriteTo(b, &packet.Addr{HardwareAddr: b[:6]})
}

// Up reports whether the interface is up and has a carrier. The error is
// ErrInterfaceGone when there is no such interface any more.
func (s *arpSocket) Up() (up bool, err error) {
	rc, err := s.SyscallConn()
	if err != nil {
		return false, err
	}
	var flags uint16
	var ferr error
	err = rc.Control(func(fd uintptr) { flags, ferr = linkFlags(int(fd), s.index) })
	if err == nil {
		err = ferr
	}
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return false, ErrInterfaceGone
	}
	const want = unix.IFF_UP | unix.IFF_RUNNING
	return flags&want == want, err
}

// linkFlags asks for an interface's flags by its index. The kernel wants the
// name, and names change: it is asked for that first.
func linkFlags(fd int, index uint32) (uint16, error) {
	req, err := unix.NewIfreq("")
	if err != nil {
		return 0, err
	}
	req.SetUint32(index)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, req); err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req); err != nil {
		return 0, err
	}
	return req.Uint16(), nil
}
