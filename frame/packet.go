package frame

import (
	"fmt"
	"net/netip"
)

// Key identifies a flow by what the packet itself says. IPv4 and IPv6 share
// it. Keys are compared with ==.
type Key struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16 // 0 where the packet carries none
	Protocol         uint8  // IP protocol number, after IPv6 extension headers
}

// Reverse returns the key of the opposite direction.
func (k Key) Reverse() Key {
	return Key{Src: k.Dst, Dst: k.Src, SrcPort: k.DstPort, DstPort: k.SrcPort, Protocol: k.Protocol}
}

// String returns "PROTOCOL SRC:PORT > DST:PORT".
func (k Key) String() string {
	return fmt.Sprintf("%s %s > %s", ProtocolName(k.Protocol),
		netip.AddrPortFrom(k.Src.Netip(), k.SrcPort), netip.AddrPortFrom(k.Dst.Netip(), k.DstPort))
}

// Flags say what kind of packet was parsed.
type Flags uint16

// The flags that [Parse] sets.
const (
	IsIPv4         Flags = 1 << iota
	IsIPv6               //
	IsFragment           // not the whole datagram: more fragments, or an offset
	IsFirst              // of a fragment: offset 0, so it carries the transport header
	MoreFragments        // of a fragment: others follow
	DontFragment         // IPv4 DF; always set for IPv6
	IsICMPError          // an ICMP or ICMPv6 error; Quoted holds the packet it is about
	HasPorts             // Key has the ports
	QuotedHasPorts       // Quoted has the ports
	IsIP           = IsIPv4 | IsIPv6
)

// Packet is what [Parse] found in a frame: offsets into it and the values that
// decide where it goes. It holds no pointer to the frame.
type Packet struct {
	Key    Key
	Quoted Key // of an ICMP error: the flow of the quoted packet, in its own direction

	Network   int // offset of the IP header (of the ARP packet for ARP)
	Transport int // offset of the transport header, behind options and extension headers
	End       int // offset one behind the last byte of the IP packet: never beyond the frame

	EtherType      uint16 // innermost, behind 802.1Q and 802.1ad tags
	Flags          Flags
	TCPFlags       uint8 // of a TCP header: byte 13
	ICMPType       uint8
	ICMPCode       uint8
	TTL            uint8  // IPv4 TTL or IPv6 hop limit
	FragmentID     uint32 // of a fragment: IPv4 identification or the IPv6 one
	FragmentOffset uint16 // of a fragment: in bytes
	FragmentLen    uint16 // of a fragment: how many bytes of the datagram it carries
}

// Has reports whether every flag of f is set.
func (p *Packet) Has(f Flags) bool { return p.Flags&f == f }
