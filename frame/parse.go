package frame

import "encoding/binary"

// maxTags is how many VLAN tags are followed: 802.1ad outside, 802.1Q inside.
const maxTags = 2

// Parse reads the Ethernet frame b into p, overwriting all of p.
//
// A frame that is neither IP nor ARP is OK and has no flags; ARP has no flags
// either, and an offset. An IP packet of an unknown transport protocol is OK and
// has no ports, and so is a later fragment, whose Transport is where its piece
// of the datagram starts. An IPv6 packet with a fragment header that is the whole
// datagram (RFC 6946) is not a fragment. In a later IPv6 fragment Key.Protocol is
// what its fragment header says, which can be an extension header.
//
// When the frame is OK, Network <= Transport <= End <= len(b) for IP and
// Network <= End <= len(b) for all else. When it is malformed, Flags tell whether an IP
// header was found, and with it Key.Src and Key.Dst; the rest of p is of no use.
func Parse(b []byte, p *Packet) Malformed {
	if parseFast(b, p) {
		return OK
	}
	return parseSlow(b, p)
}

// The fast path is for untagged IPv4 without options, at these offsets.
const (
	fastNetwork   = EthernetLen
	fastTransport = EthernetLen + IPv4Len
)

// parseFast parses an untagged, unfragmented TCP or UDP packet over IPv4 without
// options, in which nothing is wrong. It reports false, and leaves p alone, for
// all else: what it is, or what is wrong with it, is for [parseSlow] to find.
//
// It loads the IP header in three words: their sum is the checksum's, and the
// fields are cut out of them.
func parseFast(b []byte, p *Packet) bool {
	if len(b) < fastTransport+UDPLen || binary.BigEndian.Uint16(b[12:14]) != EtherTypeIPv4 {
		return false
	}
	w0 := binary.BigEndian.Uint64(b[14:22]) // version, IHL, TOS, total length, ID, flags, offset
	w1 := binary.BigEndian.Uint64(b[22:30]) // TTL, protocol, checksum, source
	w2 := binary.BigEndian.Uint32(b[30:34]) // destination
	const dontFragment = ipv4FlagDF << 8
	if w0>>56 != 0x45 || uint16(w0)&^dontFragment != 0 {
		return false
	}
	// 2^16 is 1 modulo 2^16-1, so the one's complement sum is 0xffff exactly
	// when the sum of the words, which is not 0, is divisible by 0xffff.
	sum := w0>>32 + w0&0xffffffff + w1>>32 + w1&0xffffffff + uint64(w2)
	src := uint32(w1)
	if net := src >> 24; sum%0xffff != 0 || net == 0 || net == 127 || net >= 224 || src == w2 {
		return false
	}
	end := fastNetwork + int(w0>>32&0xffff)
	if end > len(b) {
		return false
	}
	protocol, tcpFlags := uint8(w1>>48), uint8(0)
	switch protocol {
	case ProtocolTCP:
		if end < fastTransport+TCPLen {
			return false
		}
		offset := int(b[fastTransport+tcpDataOffset]>>4) * 4
		if offset < TCPLen || fastTransport+offset > end {
			return false
		}
		tcpFlags = b[fastTransport+tcpFlagBits]
	case ProtocolUDP:
		length := int(binary.BigEndian.Uint16(b[fastTransport+udpLength:]))
		if length < UDPLen || fastTransport+length > end {
			return false
		}
	default:
		return false
	}
	flags := IsIPv4 | HasPorts
	if uint16(w0) != 0 {
		flags |= DontFragment
	}
	ports := binary.BigEndian.Uint32(b[fastTransport:])
	p.Key.Src, p.Key.Dst = AddrFrom4(src), AddrFrom4(w2)
	p.Key.SrcPort, p.Key.DstPort = uint16(ports>>16), uint16(ports)
	p.Key.Protocol = protocol
	p.Quoted = Key{}
	p.Network, p.Transport, p.End = fastNetwork, fastTransport, end
	p.EtherType, p.Flags = EtherTypeIPv4, flags
	p.TCPFlags, p.ICMPType, p.ICMPCode = tcpFlags, 0, 0
	p.TTL = uint8(w1 >> 56)
	p.FragmentID, p.FragmentOffset, p.FragmentLen = 0, 0, 0
	return true
}

// parseSlow is Parse without the fast path, layer by layer.
func parseSlow(b []byte, p *Packet) Malformed {
	*p = Packet{}
	if len(b) < EthernetLen {
		return TruncatedEthernet
	}
	etherType, n := Ethernet(b).EtherType(), EthernetLen
	for tags := 0; tags < maxTags && (etherType == EtherTypeVLAN || etherType == EtherTypeQinQ); tags++ {
		if len(b) < n+VLANLen {
			return TruncatedVLAN
		}
		etherType = binary.BigEndian.Uint16(b[n+2:])
		n += VLANLen
	}
	p.EtherType, p.Network, p.End = etherType, n, len(b)
	switch etherType {
	case EtherTypeIPv4:
		return parseIPv4(b, p)
	case EtherTypeIPv6:
		return parseIPv6(b, p)
	case EtherTypeARP:
		return parseARP(b, p)
	}
	return OK
}

func parseARP(b []byte, p *Packet) Malformed {
	if len(b) < p.Network+arpSenderMAC {
		return TruncatedARP
	}
	size := arpSenderMAC + 2*(int(b[p.Network+arpHardwareLen])+int(b[p.Network+arpProtocolLen]))
	if len(b) < p.Network+size {
		return TruncatedARP
	}
	p.End = p.Network + size
	return OK
}
