package doctor

import (
	"net/netip"

	"lvsdr/arp"
	"lvsdr/frame"
)

// segment is this host's place on the segment.
type segment struct {
	name  string // of the interface
	mac   frame.MAC
	alias frame.MAC // that nobody else has, for questions whose answers must not go to mac
	mtu   int
	addrs []netip.Prefix // usable as a source
}

// source returns the address from which to ask a host: one of its subnet, else a
// global one, else any of its family; the zero Addr if there is none.
func (s *segment) source(host netip.Addr) netip.Addr {
	var best netip.Addr
	for _, p := range s.addrs {
		addr := p.Addr()
		switch {
		case addr.Is4() != host.Is4():
		case p.Contains(host):
			return addr
		case !best.IsValid(), best.IsLinkLocalUnicast() && !addr.IsLinkLocalUnicast():
			best = addr
		}
	}
	return best
}

// has reports whether an address is this host's.
func (s *segment) has(addr netip.Addr) bool {
	for _, p := range s.addrs {
		if p.Addr() == addr {
			return true
		}
	}
	return false
}

// solicit asks who has an address, as any host would that wants to send there; one
// without an address of the family probes.
func (s *segment) solicit(addr netip.Addr) ([]byte, error) {
	if addr.Is6() {
		return s.solicitNDP(addr), nil
	}
	source := s.source(addr)
	if !source.IsValid() {
		source = netip.IPv4Unspecified()
	}
	return s.askARP(s.mac, source, addr)
}

// solicitElsewhere probes for an IPv4 address in a way that has the answer go to
// the alias: one from a host with this host's own MAC address would not leave that
// host's port of the switch.
func (s *segment) solicitElsewhere(addr netip.Addr) ([]byte, error) {
	return s.askARP(s.alias, netip.IPv4Unspecified(), addr)
}

func (s *segment) askARP(sender frame.MAC, source, addr netip.Addr) ([]byte, error) {
	p := arp.Packet{
		Destination: frame.Broadcast, Source: s.mac, Operation: arp.Request,
		SenderMAC: sender, SenderIP: source, TargetIP: addr,
	}
	return p.Encode()
}

// solicitNDP returns a neighbour solicitation (RFC 4861, 4.3).
func (s *segment) solicitNDP(target netip.Addr) []byte {
	source, size := s.source(target), frame.NDPLinkLayerLen
	if !source.IsValid() {
		source, size = netip.IPv6Unspecified(), frame.NDPLen
	}
	group := frame.SolicitedNode(frame.AddrFrom(target))
	f, body := ipFrame(s.mac, frame.GroupMAC(group), frame.AddrFrom(source), group, frame.ProtocolICMPv6, ndpHops, size)
	if source.IsUnspecified() {
		frame.NDP(body).InitProbe(frame.AddrFrom(target))
	} else {
		frame.NDP(body).InitSolicitation(frame.AddrFrom(target), s.mac)
	}
	frame.ICMPv6(body).UpdateChecksum(frame.AddrFrom(source), group)
	return f
}

// ndpHops proves that no router forwarded the message (RFC 4861, 7.1.1).
const ndpHops = 255

// ipFrame returns a frame with its Ethernet and IP headers written, and the part of it
// that is their payload.
func ipFrame(from, to frame.MAC, src, dst frame.Addr, protocol, ttl uint8, payload int) (f, body []byte) {
	head := frame.EthernetLen + headerLen(dst)
	f = make([]byte, head+payload)
	e := frame.Ethernet(f)
	e.SetDst(to)
	e.SetSrc(from)
	if dst.Is4() {
		e.SetEtherType(frame.EtherTypeIPv4)
		frame.IPv4(f[frame.EthernetLen:]).Init(src, dst, protocol, ttl, payload)
	} else {
		e.SetEtherType(frame.EtherTypeIPv6)
		frame.IPv6(f[frame.EthernetLen:]).Init(src, dst, protocol, ttl, payload)
	}
	return f, f[head:]
}

// headerLen returns the bytes of an IP header without options.
func headerLen(a frame.Addr) int {
	if a.Is4() {
		return frame.IPv4Len
	}
	return frame.IPv6Len
}
