package ipvsadm

import (
	"fmt"
	"net/netip"
	"strconv"
)

// The widths at which ipvsadm cuts what it prints: a host and a port anywhere,
// an IPv4 service and an IPv4 server in a listing.
const (
	maxPlace   = 59
	maxService = 33
	maxServer  = 28
)

func cut(s string, n int) string { return s[:min(len(s), n)] }

// place is a host and its ports, by name unless numbers are wanted.
func (s *session) place(addr netip.Addr, first, last uint16, protocol string, numeric bool) string {
	var host, port string
	if !numeric {
		host = s.Names.Host(addr)
	}
	if !numeric && first == last {
		port = s.Names.Service(first, protocol)
	}
	if host == "" {
		host = addr.String()
	}
	if port == "" {
		port = strconv.Itoa(int(first))
	}
	if first != last {
		port = fmt.Sprintf("%d-%d", first, last)
	}
	if addr.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// place of an entry; protocol and ports are its own.
func (s *session) placeOf(e *entry, numeric bool) string {
	return s.place(e.addr, e.first, e.last, e.protocol, numeric)
}

// server is a real server of an entry, whose protocol names its port.
func (s *session) server(e *entry, b *backend, numeric bool) string {
	return s.place(b.addr, b.port, b.port, e.protocol, numeric)
}
