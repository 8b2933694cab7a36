package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"lvsdr/frame"
)

// flawed is a frame with something wrong, and the reason under which the
// director counts it.
type flawed struct {
	reason frame.Malformed
	name   string
	frame  []byte
}

// unheard are the kinds of malformed frames that never come up to the
// dataplane from a wire: the kernel sends none without an Ethernet header and
// takes none with half a tag, ARP has a socket of its own, and an IPv4 packet
// longer than it can say (BIG TCP) does not come from outside of a host. An
// IPv6 jumbogram stands for the last one's kind.
var unheard = []frame.Malformed{frame.TruncatedEthernet, frame.TruncatedVLAN, frame.TruncatedARP}

// forge makes frames from a client to VIPs.
type forge struct {
	client, director   net.HardwareAddr
	clientIP, vip      frame.Addr
	clientIP6, vipIPv6 frame.Addr
}

func newForge(c *cluster) *forge {
	return &forge{
		client: c.Client.Link.MAC(), director: c.Director.Link.MAC(),
		clientIP: frame.AddrFrom(c.Client.Addr), vip: frame.AddrFrom(c.VIP),
		clientIP6: frame.AddrFrom(netip.MustParseAddr("2001:db8::100")),
		vipIPv6:   frame.AddrFrom(netip.MustParseAddr("2001:db8::10")),
	}
}

func (g *forge) ethernet(etherType uint16, packet ...[]byte) []byte {
	b := slices.Concat(g.director, g.client, []byte{byte(etherType >> 8), byte(etherType)})
	return append(b, slices.Concat(packet...)...)
}

// ip4 is a frame with an IPv4 packet, right but for what body is.
func (g *forge) ip4(protocol uint8, body ...[]byte) []byte {
	h := make(frame.IPv4, frame.IPv4Len)
	payload := slices.Concat(body...)
	h.Init(g.clientIP, g.vip, protocol, 64, len(payload))
	return g.ethernet(frame.EtherTypeIPv4, h, payload)
}

// ip6 is the same of IPv6.
func (g *forge) ip6(protocol uint8, body ...[]byte) []byte {
	h := make(frame.IPv6, frame.IPv6Len)
	payload := slices.Concat(body...)
	h.Init(g.clientIP6, g.vipIPv6, protocol, 64, len(payload))
	return g.ethernet(frame.EtherTypeIPv6, h, payload)
}

// syn is a TCP header that asks for port 80.
func (g *forge) syn(srcPort uint16) []byte {
	h := make(frame.TCP, frame.TCPLen)
	h.Init(srcPort, 80, 1, 0, frame.TCPSyn)
	h.UpdateChecksum(g.clientIP, g.vip)
	return h
}

// udp is a UDP header with that length field.
func udp(length uint16) []byte {
	b := []byte{156, 64, 0, 80, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(b[4:], length)
	return b
}

// icmpError is an ICMP error about something.
func icmpError(about []byte) []byte { return append([]byte{3, 1, 0, 0, 0, 0, 0, 0}, about...) }

// extension is an IPv6 extension header of 8 bytes.
func extension(next uint8) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }

// with returns the frame with some bytes of the IP packet changed, and the
// IPv4 checksum as it was.
func with(f []byte, at int, v ...byte) []byte {
	f = bytes.Clone(f)
	copy(f[ethernetLen+at:], v)
	return f
}

// mended is with, and the IPv4 checksum right.
func mended(f []byte, at int, v ...byte) []byte {
	f = with(f, at, v...)
	frame.IPv4(f[ethernetLen:]).UpdateChecksum()
	return f
}

// Offsets in the IPv4 header, for with.
const (
	at4Version, at4Length, at4Fragment, at4Checksum, at4Src = 0, 2, 6, 10, 12
	at4Transport                                            = frame.IPv4Len
	at6Length                                               = 4
	at6Src                                                  = 8
)

// flaws are frames of every kind that the parser refuses.
func (g *forge) flaws() []flawed {
	const icmp, tcp, udp17, icmp6, sctp, destOpts, hopByHop = 1, 6, 17, 58, 132, 60, 0
	tcp4, tcp6 := g.ip4(tcp, g.syn(40000), []byte("hello")), g.ip6(tcp, g.syn(40000))
	quoted := tcp4[ethernetLen:]
	fragment := func(offset uint16, more bool, protocol uint8, body ...[]byte) []byte {
		v := offset / 8
		if more {
			v |= 1 << 13
		}
		return mended(g.ip4(protocol, body...), at4Fragment, byte(v>>8), byte(v))
	}
	source4 := func(a string) []byte { return mended(tcp4, at4Src, netip.MustParseAddr(a).AsSlice()...) }
	source6 := func(a string) []byte {
		b := netip.MustParseAddr(a).As16()
		return with(tcp6, at6Src, b[:]...)
	}
	return []flawed{
		{frame.TruncatedIPv4, "half a header", tcp4[:ethernetLen+10]},
		{frame.TruncatedIPv6, "half a header", tcp6[:ethernetLen+20]},
		{frame.TruncatedExtension, "7 bytes", g.ip6(destOpts, extension(tcp)[:7])},
		{frame.TruncatedTCP, "19 bytes", g.ip4(tcp, g.syn(40000)[:19])},
		{frame.TruncatedTCP, "all in the padding", append(g.ip4(tcp), g.syn(40000)...)},
		{frame.TruncatedUDP, "7 bytes", g.ip4(udp17, udp(8)[:7])},
		{frame.TruncatedSCTP, "11 bytes", g.ip4(sctp, make([]byte, 11))},
		{frame.TruncatedICMP, "7 bytes", g.ip4(icmp, make([]byte, 7))},
		{frame.TruncatedICMP, "7 bytes of ICMPv6", g.ip6(icmp6, make([]byte, 7))},
		{frame.TruncatedQuote, "no ports", g.ip4(icmp, icmpError(quoted[:27]))},
		{frame.BadVersion, "6 in IPv4", with(tcp4, at4Version, 0x65)},
		{frame.BadVersion, "0 in IPv4", with(tcp4, at4Version, 0x05)},
		{frame.BadVersion, "4 in IPv6", with(tcp6, at4Version, 0x45)},
		{frame.BadHeaderLength, "16 bytes", with(tcp4, at4Version, 0x44)},
		{frame.BadHeaderLength, "60 bytes of 45", with(tcp4, at4Version, 0x4f)},
		{frame.LengthBelowHeader, "19 bytes", mended(tcp4, at4Length, 0, 19)},
		{frame.LengthBelowHeader, "0 bytes", mended(tcp4, at4Length, 0, 0)},
		{frame.LengthBeyondFrame, "one byte", mended(tcp4, at4Length, 0, 46)},
		{frame.LengthBeyondFrame, "65,535 bytes", mended(tcp4, at4Length, 255, 255)},
		{frame.LengthBeyondFrame, "one byte of IPv6", with(tcp6, at6Length, 0, 21)},
		{frame.Jumbogram, "RFC 2675", with(g.ip6(hopByHop, []byte{tcp, 0, 0xc2, 4, 0, 1, 0, 0}, g.syn(40000)), at6Length, 0, 0)},
		{frame.BadChecksum, "one bit", with(tcp4, at4Checksum, tcp4[ethernetLen+at4Checksum]^1)},
		{frame.BadChecksum, "zero", with(tcp4, at4Checksum, 0, 0)},
		{frame.BadDataOffset, "16 bytes", with(tcp4, at4Transport+12, 0x40)},
		{frame.BadDataOffset, "behind the packet", with(tcp4, at4Transport+12, 0xf0)},
		{frame.BadUDPLength, "7 bytes", g.ip4(udp17, udp(7))},
		{frame.BadUDPLength, "beyond the packet", g.ip4(udp17, udp(9))},
		{frame.BadExtensionOrder, "hop-by-hop second", g.ip6(destOpts, extension(hopByHop), extension(tcp), g.syn(40000))},
		{frame.TooManyExtensions, "nine", g.ip6(destOpts, bytes.Repeat(extension(destOpts), 9))},
		{frame.BadQuote, "IPv6 in ICMP", g.ip4(icmp, icmpError(tcp6[ethernetLen:]))},
		{frame.TinyFragment, "16 bytes of TCP", fragment(0, true, tcp, g.syn(40000)[:16])},
		{frame.TinyFragment, "half of UDP", fragment(0, true, udp17, udp(100)[:4])},
		{frame.FragmentInHeader, "TCP at 8", fragment(8, false, tcp, make([]byte, 32))},
		{frame.FragmentTooBig, "ping of death", fragment(65528, false, icmp, make([]byte, 100))},
		{frame.BadFragmentLength, "empty", fragment(1480, false, udp17)},
		{frame.MartianSource, "0.0.0.0", source4("0.0.0.0")},
		{frame.MartianSource, "127.0.0.1", source4("127.0.0.1")},
		{frame.MartianSource, "224.0.0.1", source4("224.0.0.1")},
		{frame.MartianSource, "255.255.255.255", source4("255.255.255.255")},
		{frame.MartianSource, "::1", source6("::1")},
		{frame.MartianSource, "ff02::1", source6("ff02::1")},
		{frame.MappedAddress, "source", source6("::ffff:192.0.2.100")},
		{frame.SourceIsDestination, "land", source4(g.vip.String())},
		{frame.SourceIsDestination, "land over IPv6", source6(g.vipIPv6.String())},
	}
}

// tagged puts VLAN tags into a frame.
func tagged(f []byte, tags ...byte) []byte {
	return slices.Concat(f[:ethernetLen-2], tags, f[ethernetLen-2:])
}
