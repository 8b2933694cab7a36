package frame

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"testing"

	"github.com/google/gopacket/layers"
)

type badCase struct {
	name  string
	frame []byte
	want  Malformed
}

// badCases are frames of every kind that Parse refuses.
func badCases(tb testing.TB) []badCase {
	tb.Helper()
	v4, v6 := ip4(6), ip6(6)
	tcp4 := build(tb, eth(layers.EthernetTypeIPv4), v4, tcp(v4), payload("hello"))
	udp4 := build(tb, eth(layers.EthernetTypeIPv4), ip4(17), udp(v4), payload("hello"))
	tcp6 := build(tb, eth(layers.EthernetTypeIPv6), v6, tcp(v6))
	arp := build(tb, eth(layers.EthernetTypeARP), payload(make([]byte, 28)))
	// change4 changes the IPv4 header and mends its checksum.
	change4 := func(f []byte, change func(h IPv4)) []byte {
		f = bytes.Clone(f)
		h := IPv4(f[14:])
		change(h)
		if h.HeaderLen() <= len(h) {
			h.UpdateChecksum()
		}
		return f
	}
	change := func(f []byte, offset int, v ...byte) []byte {
		f = bytes.Clone(f)
		copy(f[offset:], v)
		return f
	}
	from4 := func(v uint32) []byte { return change4(tcp4, func(h IPv4) { h.SetSrc(AddrFrom4(v)) }) }
	addrs6 := func(src, dst Addr) []byte {
		f := bytes.Clone(tcp6)
		IPv6(f[14:]).SetSrc(src)
		IPv6(f[14:]).SetDst(dst)
		return f
	}
	fragment := func(protocol layers.IPProtocol, offset uint16, more bool, body []byte) []byte {
		return change4(frame4(tb, ip4(protocol), body), func(h IPv4) {
			v := offset >> 3
			if more {
				v |= ipv4FlagMF << 8
			}
			binary.BigEndian.PutUint16(h[ipv4FlagsOffset:], v)
		})
	}
	icmp4 := func(quote []byte) []byte { return frame4(tb, ip4(1), rawICMP(11, 0, quote)) }
	icmp6 := func(quote []byte) []byte { return frame6(tb, 58, rawICMP(1, 0, quote)) }
	udpLen := func(n uint16) []byte { return change(udp4, 34+udpLength, byte(n>>8), byte(n)) }
	manyExtensions := make([][]byte, 9)
	for i := range manyExtensions {
		manyExtensions[i] = extension(60, 1)
	}
	big := append(bytes.Clone(tcp4), make([]byte, 66000)...)

	return []badCase{
		{"empty", nil, TruncatedEthernet},
		{"13 bytes", tcp4[:13], TruncatedEthernet},
		{"half a tag", append(change(tcp4, 12, 0x81, 0)[:14:14], 0, 5, 8), TruncatedVLAN},
		{"half a second tag", append(change(tcp4, 12, 0x88, 0xa8)[:14:14], 0, 5, 0x81, 0, 0), TruncatedVLAN},
		{"arp without addresses", arp[:20], TruncatedARP},
		{"arp cut", change(arp, 18, 6, 4)[:41], TruncatedARP},
		{"ipv4 cut", tcp4[:33], TruncatedIPv4},
		{"ipv6 cut", tcp6[:53], TruncatedIPv6},
		{"extension cut", frame6(tb, 60, extension(6, 1)[:7]), TruncatedExtension},
		{"extension longer than the packet", frame6(tb, 60, extension(6, 2)[:8]), TruncatedExtension},
		{"tcp cut", frame4(tb, ip4(6), rawTCP(0, 0)[:19]), TruncatedTCP},
		{"tcp6 cut", frame6(tb, 6, rawTCP(0, 0)[:19]), TruncatedTCP},
		{"tcp only in the padding", change4(tcp4, func(h IPv4) { h.SetTotalLen(20) }), TruncatedTCP},
		{"udp cut", frame4(tb, ip4(17), rawUDP(0)[:7]), TruncatedUDP},
		{"sctp cut", frame4(tb, ip4(132), make([]byte, 11)), TruncatedSCTP},
		{"icmp cut", frame4(tb, ip4(1), make([]byte, 7)), TruncatedICMP},
		{"icmp6 cut", frame6(tb, 58, make([]byte, 7)), TruncatedICMP},
		{"quote cut in its header", icmp4(quote4(6, 0, 0)[:19]), TruncatedQuote},
		{"quote cut in its options", icmp4(change(quote4(6, 0, 0), 0, 0x46)), TruncatedQuote},
		{"quote of 7 bytes", icmp4(quote4(6, 0, 7)), TruncatedQuote},
		{"quote6 cut in its header", icmp6(quote6(6)[:39]), TruncatedQuote},
		{"quote6 of 7 bytes", icmp6(quote6(17, make([]byte, 7))), TruncatedQuote},
		{"quote6 cut in an extension", icmp6(quote6(0, make([]byte, 7))), TruncatedQuote},
		{"version 6 in IPv4", change(tcp4, 14, 0x65), BadVersion},
		{"version 4 in IPv6", change(tcp6, 14, 0x45), BadVersion},
		{"ihl 4", change(tcp4, 14, 0x44), BadHeaderLength},
		{"ihl behind the frame", change(tcp4[:50], 14, 0x4f), BadHeaderLength},
		{"total length 19", change4(tcp4, func(h IPv4) { h.SetTotalLen(19) }), LengthBelowHeader},
		{"total length 0", change4(tcp4, func(h IPv4) { h.SetTotalLen(0) }), LengthBelowHeader},
		{"total length below options", change4(tcp4, func(h IPv4) { h[0] = 0x46; h.SetTotalLen(23) }), LengthBelowHeader},
		{"total length beyond", change4(tcp4, func(h IPv4) { h.SetTotalLen(47) }), LengthBeyondFrame},
		{"payload length beyond", change(tcp6, 18, 0, 21), LengthBeyondFrame},
		{"big tcp over IPv4", change4(big, func(h IPv4) { h.SetTotalLen(0) }), Jumbogram},
		{"jumbogram", change(frame6(tb, 0, []byte{6, 0, 0xc2, 4, 0, 1, 0, 0}, make([]byte, 65536)[:60000]), 18, 0, 0), Jumbogram},
		{"checksum", change(tcp4, 14+ipv4Checksum, tcp4[24]^1), BadChecksum},
		{"data offset 4", change(tcp4, 46, 0x40), BadDataOffset},
		{"data offset behind the packet", change(tcp4, 46, 0x70), BadDataOffset},
		{"udp length 0", udpLen(0), BadUDPLength},
		{"udp length 7", udpLen(7), BadUDPLength},
		{"udp length beyond", udpLen(14), BadUDPLength},
		{"udp6 length 0", frame6(tb, 17, make([]byte, 8)), BadUDPLength},
		{"hop-by-hop second", frame6(tb, 60, extension(0, 1), extension(6, 1), rawTCP(0, 0)), BadExtensionOrder},
		{"two fragment headers", frame6(tb, 44, fragmentExt(44, 0, false, 1), fragmentExt(6, 0, true, 1), rawTCP(0, 4)), BadExtensionOrder},
		{"nine extensions", frame6(tb, 60, manyExtensions...), TooManyExtensions},
		{"quote of another version", icmp4(quote6(6)), BadQuote},
		{"quote with ihl 4", icmp4(change(quote4(6, 0, 8), 0, 0x44)), BadQuote},
		{"quote6 of another version", icmp6(append(quote4(6, 0, 20), make([]byte, 20)...)), BadQuote},
		{"quote6 of a mapped address", icmp6(change(quote6(6, make([]byte, 8)), 8, testVIP4.slice()...)), BadQuote},
		{"quote6 with nine extensions", icmp6(quote6(60, bytes.Repeat(extension(60, 1), 9))), BadQuote},
		{"tiny first fragment", fragment(6, 0, true, rawTCP(0, 0)[:16]), TinyFragment},
		{"first fragment without tcp options", fragment(6, 0, true, change(rawTCP(0, 4), 12, 0x70)), TinyFragment},
		{"tiny first udp fragment", fragment(17, 0, true, nil), TinyFragment},
		{"tiny first sctp fragment", fragment(132, 0, true, make([]byte, 8)), TinyFragment},
		{"tiny first icmp fragment", fragment(1, 0, true, make([]byte, 4)), TinyFragment},
		{"first fragment6 without tcp", frame6(tb, 44, fragmentExt(6, 0, true, 1), make([]byte, 16)), TinyFragment},
		{"first fragment6 without its extensions", frame6(tb, 44, fragmentExt(60, 0, true, 1), extension(6, 3)[:16]), TinyFragment},
		{"tcp fragment at 8", fragment(6, 8, false, make([]byte, 16)), FragmentInHeader},
		{"tcp fragment at 16", fragment(6, 16, true, make([]byte, 16)), FragmentInHeader},
		{"tcp6 fragment at 8", frame6(tb, 44, fragmentExt(6, 8, false, 1), make([]byte, 16)), FragmentInHeader},
		{"fragment beyond 65535", fragment(17, 65504, false, make([]byte, 12)), FragmentTooBig},
		{"fragment6 beyond 65535", frame6(tb, 44, fragmentExt(17, 65528, false, 1), make([]byte, 8)), FragmentTooBig},
		{"empty later fragment", fragment(17, 1480, false, nil), BadFragmentLength},
		{"fragment6 of 9 bytes", frame6(tb, 44, fragmentExt(17, 0, true, 1), rawUDP(1)), BadFragmentLength},
		{"source 0.0.0.0", from4(0), MartianSource},
		{"source 0.1.2.3", from4(0x00010203), MartianSource},
		{"source 127.0.0.1", from4(0x7f000001), MartianSource},
		{"source 224.0.0.1", from4(0xe0000001), MartianSource},
		{"source 255.255.255.255", from4(0xffffffff), MartianSource},
		{"source ::", addrs6(Addr{}, testVIP6), MartianSource},
		{"source ::1", addrs6(Addr{Lo: 1}, testVIP6), MartianSource},
		{"source ff02::1", addrs6(Addr{0xff02 << 48, 1}, testVIP6), MartianSource},
		{"mapped source", addrs6(testClient4, testVIP6), MappedAddress},
		{"mapped destination", addrs6(testClient6, testVIP4), MappedAddress},
		{"land", from4(testVIP4.As4()), SourceIsDestination},
		{"land6", addrs6(testVIP6, testVIP6), SourceIsDestination},
	}
}

func (a Addr) slice() []byte {
	b := a.As16()
	return b[:]
}

func TestParseMalformed(t *testing.T) {
	seen := [MalformedCount]bool{OK: true}
	for _, c := range badCases(t) {
		t.Run(c.name, func(t *testing.T) {
			var p Packet
			if got := Parse(c.frame, &p); got != c.want {
				t.Errorf("Parse = %v, want %v", got, c.want)
			}
		})
		seen[c.want] = true
	}
	for m, ok := range seen {
		if !ok {
			t.Errorf("no case for %v", Malformed(m))
		}
	}
}

// TestMalformedKeepsAddresses shows that what is counted as malformed can be
// told by the VIP it was sent to.
func TestMalformedKeepsAddresses(t *testing.T) {
	for _, c := range badCases(t) {
		p := Packet{Key: Key{SrcPort: 9}}
		Parse(c.frame, &p)
		switch c.want {
		case TruncatedEthernet, TruncatedVLAN, TruncatedARP, TruncatedIPv4, TruncatedIPv6, BadVersion:
			if p.Flags != 0 || p.Key != (Key{}) {
				t.Errorf("%s: flags %b, key %v without an IP header", c.name, p.Flags, p.Key)
			}
		default:
			if p.Flags&IsIP == 0 || p.Key.Dst == (Addr{}) {
				t.Errorf("%s: flags %b, key %v", c.name, p.Flags, p.Key)
			}
		}
	}
}

func TestMalformedString(t *testing.T) {
	label := regexp.MustCompile(`^[a-z0-9_]+$`)
	seen := map[string]bool{}
	for m := range MalformedCount {
		s := Malformed(m).String()
		if !label.MatchString(s) || seen[s] {
			t.Errorf("kind %d: label %q", m, s)
		}
		seen[s] = true
	}
	if got := Malformed(MalformedCount).String(); got != "unknown" {
		t.Errorf("kind %d = %q", MalformedCount, got)
	}
}
