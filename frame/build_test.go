package frame

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

var (
	testClientMAC = MAC{2, 0, 0, 0, 0, 1}
	testVIPMAC    = MAC{2, 0, 0, 0, 0, 2}
	testClient4   = AddrFrom4(0xc6336407) // 198.51.100.7
	testVIP4      = AddrFrom4(0xc000020a) // 192.0.2.10
	testClient6   = Addr{0x20010db800000000, 7}
	testVIP6      = Addr{0x20010db800000000, 0x10}
)

// build serializes layers with lengths and checksums mended.
func build(tb testing.TB, parts ...gopacket.SerializableLayer) []byte {
	tb.Helper()
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, parts...); err != nil {
		tb.Fatalf("serialize: %v", err)
	}
	return buf.Bytes()
}

func eth(t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: testClientMAC[:], DstMAC: testVIPMAC[:], EthernetType: t}
}

func ip4(protocol layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{
		Version: 4, TTL: 64, Protocol: protocol, Flags: layers.IPv4DontFragment,
		SrcIP: net.IP(testClient4.Netip().AsSlice()), DstIP: net.IP(testVIP4.Netip().AsSlice()),
	}
}

func ip6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{
		Version: 6, HopLimit: 64, NextHeader: next,
		SrcIP: net.IP(testClient6.Netip().AsSlice()), DstIP: net.IP(testVIP6.Netip().AsSlice()),
	}
}

func tcp(under gopacket.NetworkLayer) *layers.TCP {
	l := &layers.TCP{SrcPort: 40000, DstPort: 80, SYN: true, Window: 1024}
	_ = l.SetNetworkLayerForChecksum(under)
	return l
}

func udp(under gopacket.NetworkLayer) *layers.UDP {
	l := &layers.UDP{SrcPort: 40000, DstPort: 53}
	_ = l.SetNetworkLayerForChecksum(under)
	return l
}

type payload = gopacket.Payload

// frame4 is an IPv4 frame around the bytes of a transport packet.
func frame4(tb testing.TB, h *layers.IPv4, body []byte) []byte {
	tb.Helper()
	return build(tb, eth(layers.EthernetTypeIPv4), h, payload(body))
}

// frame6 is an IPv6 frame around the bytes of extension headers and transport.
func frame6(tb testing.TB, next uint8, body ...[]byte) []byte {
	tb.Helper()
	var all []byte
	for _, b := range body {
		all = append(all, b...)
	}
	return build(tb, eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocol(next)), payload(all))
}

func rawTCP(flags uint8, data int) []byte {
	b := make([]byte, TCPLen+data)
	TCP(b).Init(40000, 80, 1, 0, flags)
	return b
}

func rawUDP(data int) []byte {
	b := make([]byte, UDPLen+data)
	UDP(b).Init(40000, 53, data)
	return b
}

func rawICMP(typ, code uint8, quote []byte) []byte {
	b := make([]byte, ICMPLen, ICMPLen+len(quote))
	ICMP(b).Init(typ, code)
	return append(b, quote...)
}

// extension is a hop-by-hop, routing or destination options header of units
// times 8 bytes; its body is one PadN option.
func extension(next uint8, units int) []byte {
	b := make([]byte, units*8)
	b[0], b[1] = next, uint8(units-1)
	b[2], b[3] = 1, uint8(len(b)-4)
	return b
}

func authHeader(next uint8) []byte {
	b := make([]byte, 24)
	b[0], b[1] = next, 24/4-2
	return b
}

func fragmentExt(next uint8, offset uint16, more bool, id uint32) []byte {
	b := make([]byte, 8)
	b[0] = next
	if more {
		offset |= 1
	}
	binary.BigEndian.PutUint16(b[2:], offset)
	binary.BigEndian.PutUint32(b[4:], id)
	return b
}

// quote4 is the packet that the VIP's server sent to the client, cut to l4 bytes
// of transport header.
func quote4(protocol uint8, offset uint16, l4 int) []byte {
	b := make([]byte, IPv4Len+TCPLen)
	IPv4(b).Init(testVIP4, testClient4, protocol, 60, 1000)
	binary.BigEndian.PutUint16(b[ipv4FlagsOffset:], offset>>3)
	TCP(b[IPv4Len:]).Init(80, 40000, 7, 8, TCPAck)
	return b[:IPv4Len+l4]
}

func quote6(next uint8, parts ...[]byte) []byte {
	b := make([]byte, IPv6Len)
	IPv6(b).Init(testVIP6, testClient6, next, 60, 1200)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

var (
	testKey4    = Key{Src: testClient4, Dst: testVIP4, SrcPort: 40000, DstPort: 80, Protocol: ProtocolTCP}
	testKey6    = Key{Src: testClient6, Dst: testVIP6, SrcPort: 40000, DstPort: 80, Protocol: ProtocolTCP}
	testQuoted4 = testKey4.Reverse()
	testQuoted6 = testKey6.Reverse()
)

func withPorts(k Key, protocol uint8, src, dst uint16) Key {
	k.Protocol, k.SrcPort, k.DstPort = protocol, src, dst
	return k
}
