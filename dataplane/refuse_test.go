package dataplane

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"lvsdr/conntable"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// reset decodes a frame that must be a RST from the VIP's port to the client.
func reset(t *testing.T, p memlink.Packet, to packet) *layers.TCP {
	t.Helper()
	g := decode(t, p)
	l, ok := g.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !ok || !l.RST {
		t.Fatalf("no RST: %v", g)
	}
	from := fmt.Sprintf("%v:%d", g.NetworkLayer().NetworkFlow().Src(), l.SrcPort)
	if g.NetworkLayer().NetworkFlow().Src().EndpointType() == layers.EndpointIPv6 {
		from = fmt.Sprintf("[%v]:%d", g.NetworkLayer().NetworkFlow().Src(), l.SrcPort)
	}
	if from != to.to {
		t.Errorf("RST comes from %s, not from %s", from, to.to)
	}
	if l.SYN || l.FIN || l.PSH || len(l.Payload) != 0 || l.Window != 0 {
		t.Errorf("RST with more: %+v", l)
	}
	return l
}

// checkReset holds RFC 9293, 3.10.7.1, in words of its own: a segment with ACK
// gets <SEQ=SEG.ACK><CTL=RST>; one without gets
// <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, where SYN and FIN count.
func checkReset(t *testing.T, got *layers.TCP, to packet) {
	t.Helper()
	var seq, acked uint32
	if to.flags&ack != 0 {
		seq = to.ack
	} else {
		acked = to.seq + uint32(to.payload)
		for _, f := range []uint8{syn, fin} {
			if to.flags&f != 0 {
				acked++
			}
		}
	}
	if got.Seq != seq || got.Ack != acked || got.ACK != (to.flags&ack == 0) {
		t.Errorf("RST seq %d ack %d (ACK %v), want %d and %d", got.Seq, got.Ack, got.ACK, seq, acked)
	}
}

// TestNoConnection: TCP segments that belong to no known connection.
func TestNoConnection(t *testing.T) {
	cases := []struct {
		flags   uint8
		payload int
		want    Verdict
	}{
		{ack, 0, ReplyRST},
		{ack | psh, 3, ReplyRST},
		{fin | ack, 0, ReplyRST},
		{fin, 7, ReplyRST},
		{0, 0, ReplyRST},
		{0, 9, ReplyRST},
		{psh, 1, ReplyRST},
		{rst, 0, DropNoConnection},
		{rst | ack, 0, DropNoConnection},
		{rst | syn, 0, DropNoConnection},
		{syn, 0, Forward},
		{syn | ack, 0, Forward},
		{syn | fin, 0, Forward},
	}
	for _, c := range cases {
		for _, from := range []string{client4, client6} {
			t.Run(fmt.Sprintf("%s+%d/%s", frame.TCPFlagString(c.flags), c.payload, from), func(t *testing.T) {
				h := newHarness(t, define(21), define6(21))
				p := tcp(from, c.flags)
				p.payload, p.seq = c.payload, 0xffffffff // the sequence space wraps
				out := h.want(c.want, p)
				if c.want == ReplyRST {
					checkReset(t, reset(t, out, p), p)
				}
			})
		}
	}
}

func TestRejectDropIsSilent(t *testing.T) {
	d := define(21)
	d.Reject = service.RejectDrop
	h := newHarness(t, d)
	h.want(DropNoConnection, tcp(client4, ack))
}

// TestNoService: ports of a VIP on which there is no service.
func TestNoService(t *testing.T) {
	for _, from := range []string{client4, client6} {
		h := newHarness(t, define(21), define6(21))
		p := tcp(from, syn).port("81")
		checkReset(t, reset(t, h.want(ReplyRST, p), p), p)
		h.want(ReplyRST, tcp(from, ack).port("81"))
		h.want(DropNoService, tcp(from, rst).port("81"))
		h.want(DropNoService, tcp(from, rst|ack).port("81"))
		checkUnreachable(t, h.want(ReplyUnreachable, udp(from)), udp(from))
	}
}

// TestNoProtocol: a host without a service has nothing that speaks SCTP, nor
// protocols that no service can have.
func TestNoProtocol(t *testing.T) {
	h := newHarness(t, define(21), define6(21))
	gre := tcp(client4, syn).bytes(t)
	gre[14+9] = 47
	frame.IPv4(gre[14:]).UpdateChecksum()
	for name, data := range map[string][]byte{"gre": gre, "sctp": sctpPacket(t, client4)} {
		v, out := h.one(memlink.Packet{Data: data})
		if v != ReplyUnreachable {
			t.Errorf("%s: %v", name, v)
			continue
		}
		m := decode(t, out).Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if m.TypeCode != layers.CreateICMPv4TypeCode(3, 2) {
			t.Errorf("%s: ICMP %v", name, m.TypeCode)
		}
	}
	if v, _ := h.one(memlink.Packet{Data: sctpPacket(t, client6)}); v != DropProtocol {
		t.Errorf("SCTP over IPv6: %v", v)
	}
	if v, _ := h.one(memlink.Packet{Data: sctp(client4, 6).bytes(t)}); v != DropNoService {
		t.Errorf("an ABORT: %v", v)
	}
	frame.IPv4(gre[14:]).SetFragment(0, true)
	frame.IPv4(gre[14:]).UpdateChecksum()
	if v, _ := h.one(memlink.Packet{Data: gre}); v != DropProtocol {
		t.Errorf("a fragment: %v", v)
	}
}

func sctpPacket(t *testing.T, from string) []byte {
	p := udp(from)
	p.payload = 4 // UDP header and payload are as long as an SCTP header
	data := p.bytes(t)
	if from == client6 {
		data[14+6] = frame.ProtocolSCTP
		return data
	}
	data[14+9] = frame.ProtocolSCTP
	frame.IPv4(data[14:]).UpdateChecksum()
	return data
}

// checkUnreachable checks that the frame is ICMP port unreachable and quotes
// the packet.
func checkUnreachable(t *testing.T, out memlink.Packet, about packet) {
	t.Helper()
	g := decode(t, out)
	var quote []byte
	switch l := g.TransportLayer(); {
	case l != nil:
		t.Fatalf("no ICMP: %v", g)
	case about.from == client6:
		m := g.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
		if m.TypeCode != layers.CreateICMPv6TypeCode(1, 4) {
			t.Fatalf("ICMPv6 %v", m.TypeCode)
		}
		quote = m.Payload[4:]
	default:
		m := g.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if m.TypeCode != layers.CreateICMPv4TypeCode(3, 3) {
			t.Fatalf("ICMP %v", m.TypeCode)
		}
		quote = m.Payload
	}
	if sent := about.ip(t); string(sent) != string(quote) {
		t.Errorf("quoted % x of % x", quote, sent)
	}
}

// TestNoUsableServer: what a new client gets when no server can take it.
func TestNoUsableServer(t *testing.T) {
	cases := []struct {
		reject   service.Reject
		tcp, udp Verdict
	}{
		{service.RejectRST, ReplyRST, ReplyUnreachable},
		{service.RejectICMP, ReplyUnreachable, ReplyUnreachable},
		{service.RejectDrop, DropNoServer, DropNoServer},
	}
	for _, c := range cases {
		for _, from := range []string{client4, client6} {
			t.Run(fmt.Sprintf("reject %d/%s", c.reject, from), func(t *testing.T) {
				ds := []service.Definition{define(21), udpOf(define(21)), define6(21), udpOf(define6(21))}
				for i := range ds {
					ds[i].Reject = c.reject
				}
				h := newHarness(t, ds...)
				for i := range ds {
					h.health(i, 21, service.Gone)
				}
				check := func(v Verdict, p packet) {
					switch out := h.want(v, p); v {
					case ReplyRST:
						checkReset(t, reset(t, out, p), p)
					case ReplyUnreachable:
						checkUnreachable(t, out, p)
					}
				}
				check(c.tcp, tcp(from, syn))
				check(c.udp, udp(from))
			})
		}
	}
}

func TestNoServersAtAll(t *testing.T) {
	h := newHarness(t, define())
	h.want(ReplyRST, tcp(client4, syn))
}

// TestSloppyIsRefused: a segment that may open a connection is refused like a SYN
// when there is no server for it.
func TestSloppyIsRefused(t *testing.T) {
	d := define(21)
	d.Reject = service.RejectICMP
	d.Servers[0].Weight = 0
	h := newHarness(t, d)
	h.want(ReplyRST, tcp(client4, ack))
	h.plane.SetSettings(with(func(s *Settings) { s.SloppyTCP = true }))
	for _, flags := range []uint8{ack, fin | ack, psh | ack, 0} {
		checkUnreachable(t, h.want(ReplyUnreachable, tcp(client4, flags)), tcp(client4, flags))
	}
	h.want(DropNoConnection, tcp(client4, rst))
}

// TestUndecidedIsSilent: as long as a server is not resolved or checked, nobody
// is refused.
func TestUndecidedIsSilent(t *testing.T) {
	for name, unknow := range map[string]func(*service.RealServer){
		"not checked":  func(rs *service.RealServer) { rs.SetHealth(service.Unknown) },
		"not resolved": func(rs *service.RealServer) { rs.SetMAC(frame.MAC{}) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, define(21, 22))
			h.health(0, 22, service.Gone)
			unknow(h.server(0, 21))
			h.table.Services()[0].Refresh()
			h.want(DropUndecided, tcp(client4, syn))
			h.health(0, 21, service.Gone)
			h.want(ReplyRST, tcp(client4, syn))
		})
	}
}

// TestUnresolvedServerKeepsItsConnections: a MAC that is lost for a while.
func TestUnresolvedServerKeepsItsConnections(t *testing.T) {
	h := newHarness(t, define(21))
	h.to(tcp(client4, syn))
	h.server(0, 21).SetMAC(frame.MAC{})
	h.table.Services()[0].Refresh()
	h.want(DropUnresolved, tcp(client4, ack))
	h.server(0, 21).SetMAC(serverMAC(21))
	h.table.Services()[0].Refresh()
	h.to(tcp(client4, ack))
}

// TestRateLimits: replies of each kind are limited, and come back with time.
func TestRateLimits(t *testing.T) {
	cases := map[string]struct {
		frame   func(t *testing.T) []byte
		verdict Verdict
		limit   int
	}{
		"rst":         {func(t *testing.T) []byte { return tcp(client4, ack).bytes(t) }, ReplyRST, maxResets},
		"unreachable": {func(t *testing.T) []byte { return udp(client4).bytes(t) }, ReplyUnreachable, maxErrors},
		"echo":        {func(t *testing.T) []byte { return echo4(t, 8, 0) }, ReplyEcho, maxEchoes},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, define(21))
			data := c.frame(t)
			flood := func(n int) uint64 {
				before := h.plane.Counters()[c.verdict]
				for range n {
					h.inject(memlink.Packet{Data: data})
				}
				return h.plane.Counters()[c.verdict] - before
			}
			if got := flood(c.limit + 100); got != uint64(c.limit) {
				t.Errorf("%d replies at once, want %d", got, c.limit)
			}
			if got := h.plane.Counters()[DropRateLimited]; got != 100 {
				t.Errorf("%d rate limited", got)
			}
			h.advance(250 * time.Millisecond)
			if got := flood(c.limit); got != uint64(c.limit/4) {
				t.Errorf("%d replies after 250 ms, want %d", got, c.limit/4)
			}
			h.advance(429_497 * conntable.Tick) // times 10,000: a little more than 32 bits
			if got := flood(c.limit + 1); got != uint64(c.limit) {
				t.Errorf("%d replies after a pause, want %d", got, c.limit)
			}
		})
	}
}

// echo4 is an ICMP message with an identifier and a payload.
func echo4(t testing.TB, typ, code uint8) []byte {
	return serialize(t,
		&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: vipMAC[:], EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 3, TOS: 0x10, Id: 9, Protocol: layers.IPProtocolICMPv4, SrcIP: []byte{198, 51, 100, 7}, DstIP: []byte{192, 0, 2, 10}},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code), Id: 4660, Seq: 7},
		gopacket.Payload("abcdefghijklm"))
}
