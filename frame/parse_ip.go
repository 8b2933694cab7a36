package frame

import "encoding/binary"

// maxDatagram is the largest length that the fields of both families can say.
const maxDatagram = 0xffff

func parseIPv4(b []byte, p *Packet) Malformed {
	if len(b) < p.Network+IPv4Len {
		return TruncatedIPv4
	}
	h := IPv4(b[p.Network:])
	if h.Version() != 4 {
		return BadVersion
	}
	p.Flags = IsIPv4
	p.Key = Key{Src: h.Src(), Dst: h.Dst(), Protocol: h.Protocol()}
	p.TTL = h.TTL()
	if bad := checkIPv4Lengths(h); bad != OK {
		return bad
	}
	p.Transport = p.Network + h.HeaderLen()
	p.End = p.Network + h.TotalLen()
	if !h.ChecksumValid() {
		return BadChecksum
	}
	if bad := checkIPv4Addrs(h); bad != OK {
		return bad
	}
	if h.DontFragment() {
		p.Flags |= DontFragment
	}
	if h.IsFragment() {
		p.setFragment(uint32(h.ID()), h.FragmentOffset(), p.End-p.Transport, h.MoreFragments())
		if bad := checkFragment(p, h.HeaderLen()); bad != OK {
			return bad
		}
	}
	return parseTransport(b[:p.End], p)
}

// checkIPv4Lengths compares the length fields with each other and the frame.
func checkIPv4Lengths(h IPv4) Malformed {
	header, total := h.HeaderLen(), h.TotalLen()
	switch {
	case header < IPv4Len || header > len(h):
		return BadHeaderLength
	case total == 0 && len(h) > maxDatagram:
		return Jumbogram
	case total < header:
		return LengthBelowHeader
	case total > len(h):
		return LengthBeyondFrame
	}
	return OK
}

// checkIPv4Addrs refuses sources as the kernel's input route lookup does. A host
// without an address yet may speak to a group or to all (DHCP, IGMP).
func checkIPv4Addrs(h IPv4) Malformed {
	src, dst := h.Src().As4(), h.Dst().As4()
	const broadcast = 0xffffffff
	multicast := func(a uint32) bool { return a>>28 == 0xe }
	switch {
	case src == 0 && (multicast(dst) || dst == broadcast):
		return OK
	case src>>24 == 0, src>>24 == 127, multicast(src), src == broadcast:
		return MartianSource
	case src == dst:
		return SourceIsDestination
	}
	return OK
}

func parseIPv6(b []byte, p *Packet) Malformed {
	if len(b) < p.Network+IPv6Len {
		return TruncatedIPv6
	}
	h := IPv6(b[p.Network:])
	if h.Version() != 6 {
		return BadVersion
	}
	p.Flags = IsIPv6 | DontFragment
	p.Key = Key{Src: h.Src(), Dst: h.Dst(), Protocol: h.NextHeader()}
	p.TTL = h.HopLimit()
	switch {
	case h.PayloadLen() == 0 && h.NextHeader() == protocolHopByHop:
		return Jumbogram
	case IPv6Len+h.PayloadLen() > len(h):
		return LengthBeyondFrame
	}
	p.Transport = p.Network + IPv6Len
	p.End = p.Transport + h.PayloadLen()
	if bad := checkIPv6Addrs(p.Key.Src, p.Key.Dst); bad != OK {
		return bad
	}
	if isExtension(p.Key.Protocol) {
		if bad := parseExtensions(b[:p.End], p); bad != OK {
			return bad
		}
	}
	return parseTransport(b[:p.End], p)
}

// checkIPv6Addrs refuses what ip6_rcv_core refuses, and IPv4-mapped
// destinations too: as Addrs they would be taken for IPv4 ones. A host without an
// address yet may speak to a group (duplicate address detection, MLD).
func checkIPv6Addrs(src, dst Addr) Malformed {
	switch {
	case src.Is4() || dst.Is4():
		return MappedAddress
	case src == Addr{} && dst.IsMulticast():
		return OK
	case src.Hi == 0 && src.Lo <= 1, src.IsMulticast():
		return MartianSource
	case src == dst:
		return SourceIsDestination
	}
	return OK
}

// parseExtensions moves p.Transport and Key.Protocol behind the extension
// headers, and notes the fragment header. b ends where the packet does.
func parseExtensions(b []byte, p *Packet) Malformed {
	chain, bad := walkExtensions(b, p.Transport, p.Key.Protocol)
	p.Transport, p.Key.Protocol = chain.transport, chain.protocol
	if chain.fragment == 0 {
		return bad
	}
	id, offset, more := fragmentHeader(b[chain.fragment:])
	if offset == 0 && !more {
		return bad
	}
	// The length of a piece counts from behind the fragment header.
	p.setFragment(id, offset, p.End-chain.fragment-fragmentHeaderLen, more)
	if bad == TruncatedExtension {
		return TinyFragment
	}
	if bad != OK {
		return bad
	}
	return checkFragment(p, chain.fragment-p.Network-IPv6Len)
}

// setFragment notes that p is a piece of a datagram, of size bytes.
func (p *Packet) setFragment(id uint32, offset uint16, size int, more bool) {
	p.Flags |= IsFragment
	if offset == 0 {
		p.Flags |= IsFirst
	}
	if more {
		p.Flags |= MoreFragments
	}
	p.FragmentID, p.FragmentOffset, p.FragmentLen = id, offset, uint16(size)
}

// checkFragment checks where a piece of a datagram lies; header bytes in front
// of it count towards the datagram's largest length.
func checkFragment(p *Packet, header int) Malformed {
	size, offset := int(p.FragmentLen), int(p.FragmentOffset)
	switch {
	case size == 0 && offset == 0:
		return TinyFragment
	case size == 0:
		return BadFragmentLength
	case header+offset+size > maxDatagram:
		return FragmentTooBig
	case p.Has(IsIPv6|MoreFragments) && size%8 != 0: // Linux cuts the IPv4 ones
		return BadFragmentLength
	case p.Key.Protocol == ProtocolTCP && offset > 0 && offset < TCPLen:
		return FragmentInHeader
	}
	return OK
}

const fragmentHeaderLen = 8

// fragmentHeader reads an IPv6 fragment header; the offset is in bytes.
func fragmentHeader(b []byte) (id uint32, offset uint16, more bool) {
	bits := binary.BigEndian.Uint16(b[2:])
	return binary.BigEndian.Uint32(b[4:]), bits &^ 7, bits&1 != 0
}
