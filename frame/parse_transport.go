package frame

import "encoding/binary"

// parseTransport reads the transport header at p.Transport. b ends where the
// IP packet does.
func parseTransport(b []byte, p *Packet) Malformed {
	if p.Has(IsFragment) && !p.Has(IsFirst) {
		return OK
	}
	header := b[p.Transport:]
	switch p.Key.Protocol {
	case ProtocolTCP:
		return parseTCP(header, p)
	case ProtocolUDP:
		return parseUDP(header, p)
	case ProtocolSCTP:
		if len(header) < SCTPLen {
			return short(p, TruncatedSCTP)
		}
		p.setPorts(header)
	case ProtocolICMP:
		if p.Has(IsIPv4) {
			return parseICMP(b, p)
		}
	case ProtocolICMPv6:
		if p.Has(IsIPv6) {
			return parseICMP(b, p)
		}
	}
	return OK
}

// short returns the kind of a packet that ends inside its transport header.
func short(p *Packet, whole Malformed) Malformed {
	if p.Has(IsFragment) {
		return TinyFragment
	}
	return whole
}

func (p *Packet) setPorts(header []byte) {
	p.Key.SrcPort, p.Key.DstPort = ports(header)
	p.Flags |= HasPorts
}

// ports reads the two ports, which TCP, UDP and SCTP have at the same place.
func ports(header []byte) (src, dst uint16) {
	v := binary.BigEndian.Uint32(header)
	return uint16(v >> 16), uint16(v)
}

func parseTCP(header []byte, p *Packet) Malformed {
	if len(header) < TCPLen {
		return short(p, TruncatedTCP)
	}
	offset := TCP(header).HeaderLen()
	if offset < TCPLen {
		return BadDataOffset
	}
	if offset > len(header) {
		return short(p, BadDataOffset)
	}
	p.setPorts(header)
	p.TCPFlags = TCP(header).Flags()
	return OK
}

func parseUDP(header []byte, p *Packet) Malformed {
	if len(header) < UDPLen {
		return short(p, TruncatedUDP)
	}
	length := UDP(header).Length()
	// A first fragment carries only the head of what the length counts.
	if length < UDPLen || length > len(header) && !p.Has(IsFragment) {
		return BadUDPLength
	}
	p.setPorts(header)
	return OK
}

// parseICMP reads ICMP, or ICMPv6 in an IPv6 packet.
func parseICMP(b []byte, p *Packet) Malformed {
	header := ICMP(b[p.Transport:])
	if len(header) < ICMPLen {
		return short(p, TruncatedICMP)
	}
	p.ICMPType, p.ICMPCode = header.Type(), header.Code()
	if p.Has(IsIPv6) {
		if !ICMPv6(header).IsError() {
			return OK
		}
		p.Flags |= IsICMPError
		return parseQuoted6(header[ICMPLen:], p)
	}
	if !header.IsError() {
		return OK
	}
	p.Flags |= IsICMPError
	return parseQuoted4(header[ICMPLen:], p)
}
