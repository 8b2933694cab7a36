package memhost

import (
	"context"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Server is what a real server's port does about a connection.
type Server int

// The kinds of servers. A port of which nothing was said is Silent.
const (
	Silent   Server = iota // does not answer
	Serving                // accepts, and closes at once
	Refusing               // answers with RST
)

// SetServer says what a port does from now on.
func (h *Host) SetServer(at netip.AddrPort, s Server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers[at] = s
}

// dial connects to what a real server has at the port of address, which may be
// the VIP's.
func (h *Host) dial(ctx context.Context, network string, server netip.Addr, address string) (net.Conn, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	s := h.servers[netip.AddrPortFrom(server, at.Port())]
	h.mu.Unlock()
	switch s {
	case Serving:
		ours, theirs := net.Pipe()
		theirs.Close()
		return ours, nil
	case Refusing:
		err = unix.ECONNREFUSED
	default:
		<-ctx.Done()
		err = ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(at), Err: err}
}
