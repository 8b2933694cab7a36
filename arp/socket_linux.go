package arp

import (
	"errors"
	"net"

	//lint:ignore SA1019 raw is deprecated in favour of mdlayher/packet, which it wraps; this file is its only user.
	"github.com/mdlayher/raw"
	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// arpSocket is an AF_PACKET socket for ETH_P_ARP on one interface. Such a
// socket does not see what this host sends.
type arpSocket struct {
	*raw.Conn
	*member
}

// Listen opens a socket in the network namespace of the calling thread, which
// needs CAP_NET_RAW. It receives ARP for IPv4 that is sent to everybody, to the
// interface, or to mac, which it makes the interface take frames for.
func Listen(ifi *net.Interface, mac frame.MAC) (Socket, error) {
	// The interface's own MAC address needs nothing of that.
	virtual := mac
	if frame.MAC(ifi.HardwareAddr) == mac {
		virtual = frame.MAC{}
	}
	prog, err := filter(virtual)
	if err != nil {
		return nil, err
	}
	m, err := join(ifi, virtual)
	if err != nil {
		return nil, err
	}
	// The filter is in place before the socket is bound: no frame gets past it.
	c, err := raw.ListenPacket(ifi, unix.ETH_P_ARP, &raw.Config{Filter: prog})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &arpSocket{c, m}, nil
}

// Read returns one frame.
func (s *arpSocket) Read(b []byte) (int, error) {
	n, _, err := s.ReadFrom(b)
	return n, err
}

// Write sends one frame.
func (s *arpSocket) Write(b []byte) (int, error) {
	return s.WriteTo(b, &raw.Addr{HardwareAddr: b[:6]})
}

// Close closes both sockets; a pending Read returns.
func (s *arpSocket) Close() error {
	return errors.Join(s.Conn.Close(), s.member.Close())
}
