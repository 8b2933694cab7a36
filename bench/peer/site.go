package peer

import (
	"net"
	"net/netip"

	"lvsdr/lab"
)

// Site is where a peer works.
type Site struct {
	Host *lab.Host
	// Near is the host's interface towards the clients, Far that towards the
	// servers; they may be the same.
	Near, Far string
	VIP       netip.Addr
	Services  []Service    // at least one; the first one's servers are all that there are
	Clients   netip.Prefix // a network of clients behind Near; the zero value: they are neighbours
	Flows     int          // that the peer keeps in mind at once
}

// Service is one port of the VIP.
type Service struct {
	Protocol Protocol
	Port     uint16
	Servers  []Server
}

// Protocol is TCP or UDP, as nftables call them.
type Protocol string

// The protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Server is a real server behind Far.
type Server struct {
	Addr netip.Addr
	// MAC is its address, where nobody would answer for it; nil: it is resolved.
	MAC net.HardwareAddr
}

// servers are all real servers.
func (s *Site) servers() []Server { return s.Services[0].Servers }

// listener is the service's address.
func (s *Site) listener(service *Service) string {
	return netip.AddrPortFrom(s.VIP, service.Port).String()
}

// family is what nftables call the VIP's addresses.
func (s *Site) family() string {
	if s.VIP.Is6() {
		return "ip6"
	}
	return "ip"
}
