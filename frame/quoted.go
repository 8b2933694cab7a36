package frame

// quotedTransport is what every ICMP error must quote of the transport header
// (RFC 792); it holds the ports.
const quotedTransport = 8

// parseQuoted4 reads the IPv4 packet that an ICMP error quotes. Lengths and
// checksum of the quoted header are not believed: routers change them.
func parseQuoted4(b []byte, p *Packet) Malformed {
	if len(b) < IPv4Len {
		return TruncatedQuote
	}
	h := IPv4(b)
	header := h.HeaderLen()
	if h.Version() != 4 || header < IPv4Len {
		return BadQuote
	}
	if header > len(b) {
		return TruncatedQuote
	}
	p.Quoted = Key{Src: h.Src(), Dst: h.Dst(), Protocol: h.Protocol()}
	if h.FragmentOffset() > 0 {
		return OK
	}
	return quotedPorts(b[header:], p)
}

// parseQuoted6 reads the IPv6 packet that an ICMPv6 error quotes.
func parseQuoted6(b []byte, p *Packet) Malformed {
	if len(b) < IPv6Len {
		return TruncatedQuote
	}
	h := IPv6(b)
	if h.Version() != 6 || h.Src().Is4() || h.Dst().Is4() {
		return BadQuote
	}
	chain, bad := walkExtensions(b, IPv6Len, h.NextHeader())
	p.Quoted = Key{Src: h.Src(), Dst: h.Dst(), Protocol: chain.protocol}
	switch bad {
	case OK:
	case TruncatedExtension:
		return TruncatedQuote
	default:
		return BadQuote
	}
	if chain.fragment > 0 {
		if _, offset, _ := fragmentHeader(b[chain.fragment:]); offset > 0 {
			return OK
		}
	}
	return quotedPorts(b[chain.transport:], p)
}

// quotedPorts reads the ports from the quoted head of a transport header.
func quotedPorts(b []byte, p *Packet) Malformed {
	switch p.Quoted.Protocol {
	case ProtocolTCP, ProtocolUDP, ProtocolSCTP:
	default:
		return OK
	}
	if len(b) < quotedTransport {
		return TruncatedQuote
	}
	p.Quoted.SrcPort, p.Quoted.DstPort = ports(b)
	p.Flags |= QuotedHasPorts
	return OK
}
