package dataplane

import (
	"lvsdr/dataplane/link"
	"lvsdr/frame"
)

// minMTU is the least that a link may have: the longest IPv4 header and one unit
// of payload (RFC 791, 3.2).
const minMTU = 68

// splitIPv4 writes the fragment of packet that starts with byte from of its
// payload into dst, and returns its length and where the next one starts; 0: this
// was the last.
//
//	for from, more := 0, true; more; more = from > 0 {
//		n, from = splitIPv4(dst, packet, mtu, from)
//
// packet is the whole IPv4 packet, without DF and longer than mtu. It may be a
// fragment: its pieces then count from its offset, and the last has MF if packet
// has. The first piece has all its options, the others those that are to be
// copied. dst must have room for mtu bytes. With an mtu below 68 the length is 0,
// and nothing was written.
func splitIPv4(dst []byte, packet frame.IPv4, mtu, from int) (n, next int) {
	if mtu < minMTU {
		return 0, 0
	}
	h, header := frame.IPv4(dst), packet.HeaderLen()
	rest := packet[header+from : packet.TotalLen()]
	if from == 0 {
		copy(h, packet[:header])
	} else {
		header = laterHeader(h, packet)
	}
	more := len(rest) > mtu-header
	if more {
		rest = rest[:(mtu-header)&^7]
		next = from + len(rest)
	}
	n = header + copy(h[header:], rest)
	h.SetTotalLen(n)
	h.SetFragment(packet.FragmentOffset()+uint16(from), more || packet.MoreFragments())
	h.UpdateChecksum()
	return n, next
}

// laterHeader writes packet's header as fragments but the first have it, and
// returns its length.
func laterHeader(dst, packet frame.IPv4) int {
	const copied = 0x80 // in an option's type
	copy(dst, packet[:frame.IPv4Len])
	n := frame.IPv4Len
	for options := packet[frame.IPv4Len:packet.HeaderLen()]; ; {
		size := optionLen(options)
		if size == 0 {
			break
		}
		if options[0]&copied != 0 {
			n += copy(dst[n:], options[:size])
		}
		options = options[size:]
	}
	for ; n%4 != 0; n++ {
		dst[n] = 0 // end of options
	}
	dst.SetHeaderLen(n)
	return n
}

// optionLen returns the length of the first of the options of an IPv4 header. It
// is 0 when they are at their end, or wrong from there on: a host drops such a
// packet for its first fragment.
func optionLen(options []byte) int {
	const end, none = 0, 1 // the types without a length
	switch {
	case len(options) == 0 || options[0] == end:
		return 0
	case options[0] == none:
		return 1
	case len(options) < 2 || options[1] < 2 || int(options[1]) > len(options):
		return 0
	}
	return int(options[1])
}

// completeChecksum computes the transport checksum that f's sender left to a
// card, which cannot do it in a fragment. f is an unfragmented TCP, UDP or SCTP
// packet and is not to be segmented.
func completeChecksum(f *link.Frame, p *frame.Packet) {
	if f.VNet().Flags()&link.VNetNeedsChecksum == 0 {
		return
	}
	switch b := f.Data()[p.Transport:p.End]; p.Key.Protocol {
	case frame.ProtocolTCP:
		frame.TCP(b).UpdateChecksum(p.Key.Src, p.Key.Dst)
	case frame.ProtocolUDP:
		frame.UDP(b).UpdateChecksum(p.Key.Src, p.Key.Dst)
	case frame.ProtocolSCTP:
		frame.SCTP(b).UpdateChecksum()
	}
	f.VNet().Clear()
}
