package frame

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
)

type goodCase struct {
	name  string
	frame []byte
	want  Packet
}

// goodCases are frames of every kind that Parse finds OK.
func goodCases(tb testing.TB) []goodCase {
	tb.Helper()
	v4, v6 := ip4(6), ip6(6)
	options := ip4(6)
	options.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	fragment := func(protocol layers.IPProtocol, offset uint16, more bool) *layers.IPv4 {
		h := ip4(protocol)
		h.Flags, h.Id, h.FragOffset = 0, 77, offset/8
		if more {
			h.Flags = layers.IPv4MoreFragments
		}
		return h
	}
	tag := func(t layers.EthernetType) *layers.Dot1Q { return &layers.Dot1Q{VLANIdentifier: 5, Type: t} }
	sctp := &layers.SCTP{SrcPort: 40000, DstPort: 36412, VerificationTag: 9}
	icmp6 := func(quote []byte) []byte {
		return frame6(tb, ProtocolICMPv6, rawICMP(ICMPv6PacketTooBig, 0, quote))
	}
	const (
		tcp4    = IsIPv4 | HasPorts | DontFragment
		tcp6    = IsIPv6 | HasPorts | DontFragment
		error4  = IsIPv4 | IsICMPError | DontFragment
		error6  = IsIPv6 | IsICMPError | DontFragment
		network = 14
	)
	v4at := func(size int, flags Flags, key Key) Packet {
		return Packet{
			Key: key, Network: network, Transport: 34, End: 34 + size, EtherType: EtherTypeIPv4,
			Flags: flags, TTL: 64,
		}
	}
	v6at := func(transport, size int, flags Flags, key Key) Packet {
		return Packet{
			Key: key, Network: network, Transport: 54 + transport, End: 54 + transport + size,
			EtherType: EtherTypeIPv6, Flags: flags, TTL: 64,
		}
	}
	with := func(p Packet, change func(p *Packet)) Packet {
		change(&p)
		return p
	}
	syn := func(p *Packet) { p.TCPFlags = TCPSyn }
	piece := func(id uint32, offset, size uint16) func(p *Packet) {
		return func(p *Packet) { p.FragmentID, p.FragmentOffset, p.FragmentLen = id, offset, size }
	}
	unreachable := func(quoted Key) func(p *Packet) {
		return func(p *Packet) { p.ICMPType, p.ICMPCode, p.Quoted = 3, 4, quoted }
	}
	tooBig := func(quoted Key) func(p *Packet) {
		return func(p *Packet) { p.ICMPType, p.Quoted = ICMPv6PacketTooBig, quoted }
	}
	icmp4Key := withPorts(testKey4, ProtocolICMP, 0, 0)
	icmp6Key := withPorts(testKey6, ProtocolICMPv6, 0, 0)
	quotedError := func(quote []byte) []byte { return frame4(tb, ip4(1), rawICMP(3, 4, quote)) }
	unspecified6 := ip6(58)
	unspecified6.SrcIP, unspecified6.DstIP = net.IPv6zero, net.ParseIP("ff02::1:ff00:10")
	dhcp := ip4(17)
	dhcp.SrcIP, dhcp.DstIP = net.IPv4zero, net.IPv4bcast
	arp := make([]byte, ARPLen)
	ARP(arp).Init(ARPRequest, testClientMAC, testClient4, MAC{}, testVIP4)

	return []goodCase{
		{
			"tcp4", build(tb, eth(layers.EthernetTypeIPv4), v4, tcp(v4), payload("hello")),
			with(v4at(25, tcp4, testKey4), syn),
		},
		{
			"tcp4 with padding", append(build(tb, eth(layers.EthernetTypeIPv4), v4, tcp(v4)), 1, 2, 3, 4, 5, 6),
			with(v4at(20, tcp4, testKey4), syn),
		},
		{
			"tcp4 with options", build(tb, eth(layers.EthernetTypeIPv4), options, tcp(v4)),
			with(v4at(24, tcp4, testKey4), func(p *Packet) { p.TCPFlags, p.Transport = TCPSyn, 38 }),
		},
		{
			"udp4", build(tb, eth(layers.EthernetTypeIPv4), ip4(17), udp(v4), payload("hello")),
			v4at(13, tcp4, withPorts(testKey4, ProtocolUDP, 40000, 53)),
		},
		{
			"udp4 shorter than its packet", frame4(tb, ip4(17), append(rawUDP(3), 9, 9)),
			v4at(13, tcp4, withPorts(testKey4, ProtocolUDP, 40000, 53)),
		},
		{
			"sctp4", build(tb, eth(layers.EthernetTypeIPv4), ip4(132), sctp),
			v4at(12, tcp4, withPorts(testKey4, ProtocolSCTP, 40000, 36412)),
		},
		{
			"largest super-frame", frame4(tb, ip4(6), rawTCP(TCPSyn, 65535-40)),
			with(v4at(65515, tcp4, testKey4), syn),
		},
		{
			"icmp4 echo", frame4(tb, ip4(1), rawICMP(8, 0, []byte("ping"))),
			with(v4at(12, IsIPv4|DontFragment, icmp4Key), func(p *Packet) { p.ICMPType = 8 }),
		},
		{
			"unknown protocol", frame4(tb, ip4(47), []byte{1}),
			v4at(1, IsIPv4|DontFragment, withPorts(testKey4, 47, 0, 0)),
		},
		{
			"icmpv6 over IPv4 is unknown", frame4(tb, ip4(58), []byte{1}),
			v4at(1, IsIPv4|DontFragment, withPorts(testKey4, 58, 0, 0)),
		},
		{
			"icmp4 error, 8 bytes quoted", quotedError(quote4(6, 0, 8)),
			with(v4at(36, error4|QuotedHasPorts, icmp4Key), unreachable(testQuoted4)),
		},
		{
			"icmp4 error about a later fragment", quotedError(quote4(6, 1480, 8)),
			with(v4at(36, error4, icmp4Key), unreachable(withPorts(testQuoted4, 6, 0, 0))),
		},
		{
			"icmp4 error about ICMP", quotedError(quote4(1, 0, 8)),
			with(v4at(36, error4, icmp4Key), unreachable(withPorts(testQuoted4, 1, 0, 0))),
		},
		{
			"icmp4 error, first fragment", frame4(tb, fragment(1, 0, true), rawICMP(3, 4, quote4(6, 0, 8))),
			with(v4at(36, IsIPv4|IsICMPError|QuotedHasPorts|IsFragment|IsFirst|MoreFragments, icmp4Key),
				func(p *Packet) { unreachable(testQuoted4)(p); piece(77, 0, 36)(p) }),
		},
		{
			"first fragment", frame4(tb, fragment(17, 0, true), append(rawUDP(1472)[:1472:1472], 0, 0, 0, 0, 0, 0, 0, 0)),
			with(v4at(1480, IsIPv4|HasPorts|IsFragment|IsFirst|MoreFragments,
				withPorts(testKey4, ProtocolUDP, 40000, 53)), piece(77, 0, 1480)),
		},
		{
			"first fragment with the length of all", frame4(tb, fragment(17, 0, true), rawUDP(3000)[:1480]),
			with(v4at(1480, IsIPv4|HasPorts|IsFragment|IsFirst|MoreFragments,
				withPorts(testKey4, ProtocolUDP, 40000, 53)), piece(77, 0, 1480)),
		},
		{
			"middle fragment", frame4(tb, fragment(6, 1480, true), make([]byte, 1480)),
			with(v4at(1480, IsIPv4|IsFragment|MoreFragments, withPorts(testKey4, 6, 0, 0)), piece(77, 1480, 1480)),
		},
		{
			"last fragment", frame4(tb, fragment(6, 2960, false), []byte("end")),
			with(v4at(3, IsIPv4|IsFragment, withPorts(testKey4, 6, 0, 0)), piece(77, 2960, 3)),
		},
		{
			"fragment up to the largest datagram", frame4(tb, fragment(17, 65504, false), make([]byte, 11)),
			with(v4at(11, IsIPv4|IsFragment, withPorts(testKey4, 17, 0, 0)), piece(77, 65504, 11)),
		},
		{
			"vlan", build(tb, eth(layers.EthernetTypeDot1Q), tag(layers.EthernetTypeIPv4), v4, tcp(v4)),
			with(v4at(24, tcp4, testKey4), func(p *Packet) { p.TCPFlags, p.Network, p.Transport = TCPSyn, 18, 38 }),
		},
		{
			"qinq", build(tb, eth(layers.EthernetTypeQinQ), tag(layers.EthernetTypeDot1Q), tag(layers.EthernetTypeIPv4), v4, tcp(v4)),
			with(v4at(28, tcp4, testKey4), func(p *Packet) { p.TCPFlags, p.Network, p.Transport = TCPSyn, 22, 42 }),
		},
		{
			"dhcp discover", frame4(tb, dhcp, rawUDP(0)),
			v4at(8, tcp4, withPorts(Key{Src: AddrFrom4(0), Dst: AddrFrom4(0xffffffff)}, 17, 40000, 53)),
		},
		{
			"arp", append(build(tb, eth(layers.EthernetTypeARP), payload(arp)), make([]byte, 18)...),
			Packet{Network: 14, End: 42, EtherType: EtherTypeARP},
		},
		{
			"lldp", build(tb, eth(0x88cc), payload("x")),
			Packet{Network: 14, End: 60, EtherType: 0x88cc},
		},
		{
			"tcp6", build(tb, eth(layers.EthernetTypeIPv6), v6, tcp(v6), payload("hello")),
			with(v6at(0, 25, tcp6, testKey6), syn),
		},
		{
			"udp6", build(tb, eth(layers.EthernetTypeIPv6), ip6(17), udp(v6)),
			v6at(0, 8, tcp6, withPorts(testKey6, ProtocolUDP, 40000, 53)),
		},
		{
			"tcp6 behind every extension header", frame6(tb, 0, extension(60, 1), extension(43, 2), extension(51, 3),
				authHeader(60), extension(6, 1), rawTCP(TCPSyn, 0)),
			with(v6at(8+16+24+24+8, 20, tcp6, testKey6), syn),
		},
		{
			"tcp6 first fragment", frame6(tb, 44, fragmentExt(6, 0, true, 1<<31), rawTCP(TCPSyn, 4)),
			with(v6at(8, 24, tcp6|IsFragment|IsFirst|MoreFragments, testKey6),
				func(p *Packet) { p.TCPFlags = TCPSyn; piece(1<<31, 0, 24)(p) }),
		},
		{
			"tcp6 first fragment with options behind its header",
			frame6(tb, 43, extension(44, 1), fragmentExt(60, 0, true, 5), extension(6, 2), rawTCP(TCPSyn, 4)),
			with(v6at(8+8+16, 24, tcp6|IsFragment|IsFirst|MoreFragments, testKey6),
				func(p *Packet) { p.TCPFlags = TCPSyn; piece(5, 0, 16+24)(p) }),
		},
		{
			"tcp6 later fragment", frame6(tb, 44, fragmentExt(6, 1232, false, 9), []byte("end")),
			with(v6at(8, 3, IsIPv6|DontFragment|IsFragment, withPorts(testKey6, 6, 0, 0)), piece(9, 1232, 3)),
		},
		{
			"tcp6 atomic fragment", frame6(tb, 44, fragmentExt(6, 0, false, 9), rawTCP(TCPSyn, 0)),
			with(v6at(8, 20, tcp6, testKey6), syn),
		},
		{
			"no next header", frame6(tb, 59),
			v6at(0, 0, IsIPv6|DontFragment, withPorts(testKey6, 59, 0, 0)),
		},
		{
			"icmp6 echo", frame6(tb, 58, rawICMP(128, 0, nil)),
			with(v6at(0, 8, IsIPv6|DontFragment, icmp6Key), func(p *Packet) { p.ICMPType = 128 }),
		},
		{
			"icmp6 duplicate address detection",
			build(tb, eth(layers.EthernetTypeIPv6), unspecified6, payload(rawICMP(135, 0, make([]byte, 16)))),
			with(v6at(0, 24, IsIPv6|DontFragment, Key{Dst: SolicitedNode(testVIP6), Protocol: 58}),
				func(p *Packet) { p.ICMPType = 135 }),
		},
		{
			"icmp6 error", icmp6(quote6(6, rawTCP(0, 0)[:8])),
			with(v6at(0, 56, error6|QuotedHasPorts, icmp6Key), tooBig(withPorts(testQuoted6, 6, 40000, 80))),
		},
		{
			"icmp6 error, quote with extension headers",
			icmp6(quote6(0, extension(44, 1), fragmentExt(60, 0, true, 1), extension(6, 1), rawTCP(0, 0)[:8])),
			with(v6at(0, 80, error6|QuotedHasPorts, icmp6Key), tooBig(withPorts(testQuoted6, 6, 40000, 80))),
		},
		{
			"icmp6 error about a later fragment", icmp6(quote6(44, fragmentExt(6, 1232, true, 1), make([]byte, 8))),
			with(v6at(0, 64, error6, icmp6Key), tooBig(withPorts(testQuoted6, 6, 0, 0))),
		},
	}
}

func TestParse(t *testing.T) {
	for _, c := range goodCases(t) {
		t.Run(c.name, func(t *testing.T) {
			got := Packet{Quoted: Key{SrcPort: 1}, ICMPType: 9, TCPFlags: 9, FragmentID: 9, FragmentOffset: 9, FragmentLen: 9}
			if bad := Parse(c.frame, &got); bad != OK {
				t.Fatalf("Parse: %v", bad)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	var p Packet
	for _, c := range goodCases(t) {
		if n := testing.AllocsPerRun(100, func() { Parse(c.frame, &p) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
	for _, c := range badCases(t) {
		if n := testing.AllocsPerRun(100, func() { Parse(c.frame, &p) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// TestParseTruncated cuts every good frame at every length: no cut panics, and
// none that removes a byte of the packet is OK.
func TestParseTruncated(t *testing.T) {
	for _, c := range goodCases(t) {
		if c.want.Flags == 0 && c.want.EtherType != EtherTypeARP {
			continue
		}
		for n := range min(c.want.End, 200) {
			var p Packet
			if bad := Parse(c.frame[:n:n], &p); bad == OK {
				t.Errorf("%s cut to %d of %d bytes: OK", c.name, n, c.want.End)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	byName := map[string][]byte{}
	for _, c := range goodCases(b) {
		byName[c.name] = c.frame
	}
	for _, c := range []struct{ name, frame string }{
		{"tcp4", "tcp4"},
		{"udp4", "udp4"},
		{"tcp6", "tcp6"},
		{"icmp_error", "icmp4 error, 8 bytes quoted"},
		{"vlan", "vlan"},
		{"fragment", "middle fragment"},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := byName[c.frame]
			if f == nil {
				b.Fatalf("no frame %q", c.frame)
			}
			var p Packet
			b.ReportAllocs()
			for b.Loop() {
				if Parse(f, &p) != OK {
					b.Fatal("malformed")
				}
			}
		})
	}
}
