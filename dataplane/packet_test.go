package dataplane

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
)

// packet is one TCP, UDP or SCTP packet of a client.
type packet struct {
	from, to    string
	protocol    uint8
	flags       uint8
	seq, ack    uint32
	payload     int
	ttl         uint8 // 0: 64
	mayFragment bool
	source      frame.MAC // zero: the client's
	chunks      []byte    // of SCTP
}

func tcp(from string, flags uint8) packet {
	return packet{from: from, to: destination(from, "80"), protocol: frame.ProtocolTCP, flags: flags, seq: 1000, ack: 2000}
}

func udp(from string) packet {
	return packet{from: from, to: destination(from, "80"), protocol: frame.ProtocolUDP, payload: 5}
}

// sctp is a packet with one chunk for each type.
func sctp(from string, types ...uint8) packet {
	p := packet{from: from, to: destination(from, "80"), protocol: frame.ProtocolSCTP}
	for _, typ := range types {
		p.chunks = append(p.chunks, typ, 0, 0, 4)
	}
	return p
}

func destination(from, port string) string {
	if netip.MustParseAddrPort(from).Addr().Is6() {
		return net.JoinHostPort(vip6, port)
	}
	return net.JoinHostPort(vip4, port)
}

func (p packet) port(port string) packet {
	p.to = destination(p.from, port)
	return p
}

// bytes is the frame, built by gopacket.
func (p packet) bytes(tb testing.TB) []byte {
	tb.Helper()
	from, to := netip.MustParseAddrPort(p.from), netip.MustParseAddrPort(p.to)
	if p.source.IsZero() {
		p.source = clientMAC
	}
	if p.ttl == 0 {
		p.ttl = 64
	}
	eth := &layers.Ethernet{SrcMAC: p.source[:], DstMAC: vipMAC[:], EthernetType: layers.EthernetTypeIPv4}
	var ip interface {
		gopacket.NetworkLayer
		gopacket.SerializableLayer
	}
	if from.Addr().Is4() {
		h := &layers.IPv4{Version: 4, Id: 77, TTL: p.ttl, Protocol: layers.IPProtocol(p.protocol), SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()}
		if !p.mayFragment {
			h.Flags = layers.IPv4DontFragment
		}
		ip = h
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: p.ttl, NextHeader: layers.IPProtocol(p.protocol), SrcIP: from.Addr().AsSlice(), DstIP: to.Addr().AsSlice()}
	}
	payload := gopacket.Payload(make([]byte, p.payload))
	if p.protocol == frame.ProtocolUDP {
		l := &layers.UDP{SrcPort: layers.UDPPort(from.Port()), DstPort: layers.UDPPort(to.Port())}
		_ = l.SetNetworkLayerForChecksum(ip)
		return serialize(tb, eth, ip, l, payload)
	}
	if p.protocol == frame.ProtocolSCTP {
		header := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from.Port()), to.Port())
		return serialize(tb, eth, ip, gopacket.Payload(slices.Concat(header, make([]byte, 8), p.chunks)))
	}
	l := &layers.TCP{
		SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), Seq: p.seq, Ack: p.ack, Window: 1024,
		FIN: p.flags&frame.TCPFin != 0, SYN: p.flags&frame.TCPSyn != 0, RST: p.flags&frame.TCPRst != 0,
		PSH: p.flags&frame.TCPPsh != 0, ACK: p.flags&frame.TCPAck != 0,
	}
	_ = l.SetNetworkLayerForChecksum(ip)
	return serialize(tb, eth, ip, l, payload)
}

// ip is the packet without Ethernet header and padding.
func (p packet) ip(tb testing.TB) []byte {
	var parsed frame.Packet
	data := p.bytes(tb)
	if m := frame.Parse(data, &parsed); m != frame.OK {
		tb.Fatal(m)
	}
	return data[parsed.Network:parsed.End]
}

// serialize builds a frame with lengths and checksums mended.
func serialize(tb testing.TB, parts ...gopacket.SerializableLayer) []byte {
	tb.Helper()
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, parts...); err != nil {
		tb.Fatalf("serialize: %v", err)
	}
	return buf.Bytes()
}

// decode parses a frame by gopacket and checks its checksums and addresses: it
// must go from the VIP's MAC back to the client's.
func decode(tb testing.TB, p memlink.Packet) gopacket.Packet {
	tb.Helper()
	g := gopacket.NewPacket(p.Data, layers.LayerTypeEthernet, gopacket.DecodeStreamsAsDatagrams)
	if e := g.ErrorLayer(); e != nil {
		tb.Fatalf("decode: %v", e.Error())
	}
	checkChecksums(tb, g)
	e := frame.Ethernet(p.Data)
	if e.Src() != vipMAC || e.Dst() != clientMAC {
		tb.Fatalf("reply goes from %v to %v", e.Src(), e.Dst())
	}
	if p.VNet != [link.VNetHeaderLen]byte{} {
		tb.Fatalf("reply with vnet header % x", p.VNet)
	}
	return g
}

// checkChecksums has gopacket compute the checksums anew.
func checkChecksums(tb testing.TB, g gopacket.Packet) {
	tb.Helper()
	var parts []gopacket.SerializableLayer
	for _, l := range g.Layers() {
		parts = append(parts, l.(gopacket.SerializableLayer))
		if c, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			_ = c.SetNetworkLayerForChecksum(g.NetworkLayer())
		}
		switch l.LayerType() {
		case layers.LayerTypeTCP, layers.LayerTypeICMPv4, layers.LayerTypeICMPv6:
			parts = append(parts, gopacket.Payload(l.LayerPayload()))
		default:
			continue
		}
		break // what an ICMPv6 header carries is a layer of its own
	}
	again := serialize(tb, parts...)
	n := min(len(again), len(g.Data())) // without what pads one of them
	if !bytes.Equal(again[:n], g.Data()[:n]) {
		tb.Fatalf("lengths or checksums are wrong:\n% x, gopacket makes\n% x", g.Data(), again)
	}
}

const (
	syn, ack, fin, rst, psh = frame.TCPSyn, frame.TCPAck, frame.TCPFin, frame.TCPRst, frame.TCPPsh
)

// wired is the packet as a frame on the wire.
func wired(tb testing.TB, p packet) memlink.Packet { return memlink.Packet{Data: p.bytes(tb)} }
