package healthcheck

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
)

// arpCheck asks the real server for its MAC address: in ARP (RFC 826), or by a
// neighbour solicitation for an IPv6 address (RFC 4861). That says that its
// kernel is there, and nothing of its services. It always asks for the server's
// own address, since a real server does not answer for a VIP.
type arpCheck struct{ addr netip.Addr }

func newARP(_ Spec, t Target, _ Way) (question, error) { return &arpCheck{t.Addr}, nil }

func (c *arpCheck) ask(ctx context.Context) (Result, error) {
	segment, err := segmentOf(c.addr)
	if err != nil {
		return Result{}, err
	}
	mac, err := segment.resolve(ctx, c.addr)
	return Result{Message: "is at " + mac.String() + " on " + segment.link.Name}, err
}

func (c *arpCheck) String() string { return "arp://" + c.addr.String() }

// segment is where an address is asked for, and who asks.
type segment struct {
	link   *net.Interface
	source netip.Addr
}

// Neighbour discovery (RFC 4861, 4.3, 4.4): values, and offsets of fields.
const (
	ipv6Header       = 40
	protocolICMPv6   = 58
	neighborHopLimit = 255 // of what comes from the segment itself

	neighborLength       = 32 // with one option
	neighborSolicit      = 135
	neighborAdvert       = 136
	sourceMAC, targetMAC = 1, 2 // options

	neighborTarget  = 8
	neighborOptions = 24
)

// arpQuestion is the packet that asks for addr.
func (s *segment) arpQuestion(addr netip.Addr) ([]byte, error) {
	p, err := arp.NewPacket(arp.OperationRequest, s.link.HardwareAddr, s.source, make(net.HardwareAddr, 6), addr)
	if err != nil {
		return nil, err
	}
	return p.MarshalBinary()
}

// arpAnswer returns the MAC address that a packet says addr has, or nil if it
// says nothing of it.
func (s *segment) arpAnswer(b []byte, addr netip.Addr) net.HardwareAddr {
	var p arp.Packet
	if p.UnmarshalBinary(b) != nil || p.Operation != arp.OperationReply || p.SenderIP != addr || len(p.SenderHardwareAddr) != 6 {
		return nil
	}
	return believed(p.SenderHardwareAddr)
}

// believed is a MAC address that a host can have, or nil.
func believed(mac []byte) net.HardwareAddr {
	if mac[0]&1 != 0 || bytes.Equal(mac, make([]byte, 6)) {
		return nil
	}
	return bytes.Clone(mac)
}

// solicitation is the IPv6 packet that asks for addr, and where it is sent to:
// the solicited-node address (RFC 4291, 2.7.1), over Ethernet (RFC 2464, 7).
func (s *segment) solicitation(addr netip.Addr) (p []byte, to net.HardwareAddr) {
	target := addr.As16()
	source := s.source.As16()
	group := [16]byte{0xff, 0x02, 11: 1, 12: 0xff, 13: target[13], 14: target[14], 15: target[15]}
	p = make([]byte, ipv6Header+neighborLength)
	p[0] = 6 << 4
	binary.BigEndian.PutUint16(p[4:], neighborLength)
	p[6], p[7] = protocolICMPv6, neighborHopLimit
	copy(p[8:], source[:])
	copy(p[24:], group[:])
	m := p[ipv6Header:]
	m[0] = neighborSolicit
	copy(m[neighborTarget:], target[:])
	m[neighborOptions], m[neighborOptions+1] = sourceMAC, 1
	copy(m[neighborOptions+2:], s.link.HardwareAddr)
	binary.BigEndian.PutUint16(m[2:], checksum(pseudoHeader(p)))
	return p, net.HardwareAddr{0x33, 0x33, group[12], group[13], group[14], group[15]}
}

// pseudoHeader is what the checksum of a packet's ICMPv6 is over (RFC 8200, 8.1).
func pseudoHeader(p []byte) []byte {
	m := p[ipv6Header:]
	b := bytes.Clone(p[8:ipv6Header])
	b = binary.BigEndian.AppendUint32(b, uint32(len(m)))
	b = binary.BigEndian.AppendUint32(b, protocolICMPv6)
	return append(b, m...)
}

// advertisement returns the MAC address that an IPv6 packet says addr has, or nil
// if it says nothing of it. One with another hop limit was sent from elsewhere
// (RFC 4861, 7.1.2).
func (s *segment) advertisement(p []byte, addr netip.Addr) net.HardwareAddr {
	if len(p) < ipv6Header+neighborLength || p[0]>>4 != 6 || p[6] != protocolICMPv6 || p[7] != neighborHopLimit {
		return nil
	}
	length := int(binary.BigEndian.Uint16(p[4:]))
	if length < neighborLength || length%2 != 0 || ipv6Header+length > len(p) {
		return nil
	}
	p = p[:ipv6Header+length]
	m := p[ipv6Header:]
	target := addr.As16()
	if m[0] != neighborAdvert || m[1] != 0 || !bytes.Equal(m[neighborTarget:neighborOptions], target[:]) || checksum(pseudoHeader(p)) != 0 {
		return nil
	}
	return linkLayerOption(m[neighborOptions:])
}

// linkLayerOption returns the target's MAC address, or nil if there is none, or
// if any option is malformed (RFC 4861, 7.1.2).
func linkLayerOption(options []byte) (mac net.HardwareAddr) {
	for len(options) > 0 {
		if len(options) < 8 || options[1] == 0 || int(options[1])*8 > len(options) {
			return nil
		}
		if options[0] == targetMAC && mac == nil {
			mac = believed(options[2:8])
		}
		options = options[int(options[1])*8:]
	}
	return mac
}
