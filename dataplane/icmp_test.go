package dataplane

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// message6 is an ICMPv6 message from the client to the VIP.
func message6(t testing.TB, from string, typ, code uint8, body []byte) []byte {
	src, dst := netip.MustParseAddr(from), netip.MustParseAddr(vip6)
	ip := &layers.IPv6{Version: 6, HopLimit: 3, NextHeader: layers.IPProtocolICMPv6, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, code)}
	_ = icmp.SetNetworkLayerForChecksum(ip)
	return serialize(t, &layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: vipMAC[:], EthernetType: layers.EthernetTypeIPv6}, ip, icmp, gopacket.Payload(body))
}

// message4 is an ICMP error from a router to the VIP.
func message4(t testing.TB, typ, code uint8, quote []byte) []byte {
	return serialize(t,
		&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: vipMAC[:], EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 9, Protocol: layers.IPProtocolICMPv4, SrcIP: []byte{203, 0, 113, 1}, DstIP: []byte{192, 0, 2, 10}},
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, code), Seq: 1400}, gopacket.Payload(quote))
}

func TestEcho(t *testing.T) {
	h := newHarness(t, define(21), define6(21))
	v, out := h.one(memlink.Packet{Data: echo4(t, 8, 0), TCI: 5, TPID: 0x8100})
	if v != ReplyEcho {
		t.Fatalf("verdict %v", v)
	}
	g := decode(t, out)
	ip, m := g.Layer(layers.LayerTypeIPv4).(*layers.IPv4), g.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if ip.SrcIP.String() != vip4 || ip.DstIP.String() != "198.51.100.7" || ip.TTL != replyTTL {
		t.Errorf("from %v to %v, TTL %d", ip.SrcIP, ip.DstIP, ip.TTL)
	}
	if m.TypeCode != layers.CreateICMPv4TypeCode(0, 0) || m.Id != 4660 || m.Seq != 7 || string(m.Payload) != "abcdefghijklm" {
		t.Errorf("reply %+v", m)
	}
	if out.TCI != 5 || out.TPID != 0x8100 {
		t.Errorf("the reply left its VLAN: %d, %#x", out.TCI, out.TPID)
	}

	body := append([]byte{0x12, 0x34, 0, 7}, "abc"...)
	v, out = h.one(memlink.Packet{Data: message6(t, "2001:db8:1::7", 128, 0, body)})
	if v != ReplyEcho {
		t.Fatalf("IPv6: verdict %v", v)
	}
	g = decode(t, out)
	ip6, m6 := g.Layer(layers.LayerTypeIPv6).(*layers.IPv6), g.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	if ip6.SrcIP.String() != vip6 || ip6.DstIP.String() != "2001:db8:1::7" || ip6.HopLimit != replyTTL {
		t.Errorf("from %v to %v, hop limit %d", ip6.SrcIP, ip6.DstIP, ip6.HopLimit)
	}
	if m6.TypeCode != layers.CreateICMPv6TypeCode(129, 0) || !bytes.Equal(m6.Payload, body) {
		t.Errorf("reply %+v", m6)
	}
}

// TestRepliesStayInTheirVLAN: with tags inside the frame and beside it.
func TestRepliesStayInTheirVLAN(t *testing.T) {
	h := newHarness(t, define(21))
	for _, data := range [][]byte{echo4(t, 8, 0), tcp(client4, ack).bytes(t), udp(client4).bytes(t)} {
		v, out := h.one(memlink.Packet{Data: tagged(data, 0x88a80009, 0x81000007), TCI: 0x3005, TPID: 0x88a8})
		if v.Kind() != Replied {
			t.Fatalf("verdict %v", v)
		}
		if out.TCI != 0x3005 || out.TPID != 0x88a8 {
			t.Errorf("tag beside the frame: %#x, %#x", out.TCI, out.TPID)
		}
		if got := out.Data[12:20]; !bytes.Equal(got, []byte{0x88, 0xa8, 0, 9, 0x81, 0, 0, 7}) {
			t.Errorf("tags % x", got)
		}
		decode(t, out)
	}
}

func TestOtherICMPIsDropped(t *testing.T) {
	h := newHarness(t, define(21), define6(21))
	for _, m := range [][2]uint8{{0, 0}, {8, 1}, {5, 1}, {13, 0}, {17, 0}} {
		if v, _ := h.one(memlink.Packet{Data: echo4(t, m[0], m[1])}); v != DropICMP {
			t.Errorf("ICMP %v: %v", m, v)
		}
	}
	for _, m := range [][2]uint8{{129, 0}, {128, 1}, {135, 0}, {200, 0}} {
		if v, _ := h.one(memlink.Packet{Data: message6(t, "2001:db8:1::7", m[0], m[1], make([]byte, 20))}); v != DropICMP {
			t.Errorf("ICMPv6 %v: %v", m, v)
		}
	}
}

// quote is the packet that a server sent to the client for the VIP.
func quote(t testing.TB, client, vip string) []byte {
	p := tcp(vip, ack)
	p.to = client
	return p.ip(t)
}

// TestICMPErrorFindsItsServer: errors about a reply of a known connection go to
// the server that sent it, and leave the connection alone.
func TestICMPErrorFindsItsServer(t *testing.T) {
	h := newHarness(t, define(21, 22), define6(31, 32))
	vips := map[string]string{client4: vip4 + ":80", client6: "[" + vip6 + "]:80"}
	make4 := func(typ, code uint8, client string) []byte {
		return message4(t, typ, code, quote(t, client, vips[client4]))
	}
	make6 := func(typ, code uint8, client string) []byte {
		return message6(t, "2001:db8:5::1", typ, code, append(make([]byte, 4), quote(t, client, vips[client6])...))
	}
	cases := []struct {
		client, stranger string
		build            func(typ, code uint8, client string) []byte
		pass, drop       [][2]uint8
	}{
		{client4, "198.51.100.7:40001", make4, [][2]uint8{{3, 0}, {3, 1}, {3, 3}, {3, 4}, {3, 13}, {4, 0}, {11, 0}, {11, 1}}, [][2]uint8{{12, 0}, {5, 1}}},
		{client6, "[2001:db8:1::7]:40001", make6, [][2]uint8{{1, 0}, {1, 4}, {2, 0}, {3, 0}, {3, 1}}, [][2]uint8{{4, 0}}},
	}
	for _, c := range cases {
		server := h.to(tcp(c.client, syn))
		h.to(tcp(c.client, ack))
		state := h.state(tcp(c.client, ack))
		for _, m := range c.pass {
			in := memlink.Packet{Data: c.build(m[0], m[1], c.client)}
			v, out := h.one(in)
			if v != Forward || frame.Ethernet(out.Data).Dst() != serverMAC(server) || !bytes.Equal(out.Data[12:], in.Data[12:]) {
				t.Errorf("%s, ICMP %v: %v, sent to %v", c.client, m, v, frame.Ethernet(out.Data).Dst())
			}
			if v, _ := h.one(memlink.Packet{Data: c.build(m[0], m[1], c.stranger)}); v != DropICMPUnrelated {
				t.Errorf("%s, ICMP %v about an unknown connection: %v", c.client, m, v)
			}
		}
		for _, m := range c.drop {
			if v, _ := h.one(memlink.Packet{Data: c.build(m[0], m[1], c.client)}); v != DropICMP {
				t.Errorf("%s, ICMP %v: %v", c.client, m, v)
			}
		}
		if got := h.state(tcp(c.client, ack)); got != state {
			t.Errorf("state %v, was %v", got, state)
		}
	}
	// A quote of a packet that another host sent.
	if v, _ := h.one(memlink.Packet{Data: message4(t, 3, 4, quote(t, client4, "203.0.113.9:80"))}); v != DropICMPUnrelated {
		t.Errorf("error about another host's packet: %v", v)
	}
	// As a worker sees it that finds the entry before it is removed.
	for _, n := range []int{21, 22} {
		h.server(0, n).SetHealth(service.Gone)
	}
	h.table.Services()[0].Refresh()
	if v, _ := h.one(memlink.Packet{Data: make4(3, 4, client4)}); v != DropICMPUnrelated {
		t.Errorf("error for a server that is gone: %v", v)
	}
}

// TestFragmentationNeeded: what is too long for the egress interface.
func TestFragmentationNeeded(t *testing.T) {
	h := newHarnessWith(t, setting{mtu: 1300}, define(21), define6(21))
	long := func(from string, payload int, mayFragment bool) packet {
		p := tcp(from, ack|psh)
		p.payload, p.mayFragment = payload, mayFragment
		return p
	}
	for _, from := range []string{client4, client6} {
		header := 40
		if from == client6 {
			header = 60
		}
		h.to(tcp(from, syn))
		h.to(long(from, 1300-header, false))
		p := long(from, 1301-header, false)
		g := decode(t, h.want(ReplyFragmentation, p))
		var mtu int
		var quoted []byte
		if from == client6 {
			m := g.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
			if m.TypeCode != layers.CreateICMPv6TypeCode(2, 0) {
				t.Fatalf("ICMPv6 %v", m.TypeCode)
			}
			mtu, quoted = int(binary.BigEndian.Uint32(m.Payload)), m.Payload[4:]
		} else {
			m := g.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
			if m.TypeCode != layers.CreateICMPv4TypeCode(3, 4) {
				t.Fatalf("ICMP %v", m.TypeCode)
			}
			mtu, quoted = int(m.Seq), m.Payload
		}
		if mtu != 1300 || !bytes.Equal(quoted, p.ip(t)[:maxQuote]) {
			t.Errorf("MTU %d, quote of %d bytes", mtu, len(quoted))
		}
	}
	gso := [link.VNetHeaderLen]byte{1: link.VNetGSOTCP4}
	binary.NativeEndian.PutUint16(gso[4:], 1200)
	in := memlink.Packet{Data: long(client4, 20000, false).bytes(t), VNet: gso}
	if v, out := h.one(in); v != Forward || out.VNet != gso || !bytes.Equal(out.Data[12:], in.Data[12:]) {
		t.Errorf("GSO frame: %v", v)
	}
	// With 40 bytes of headers, segments of 1260 bytes fit, and of 1261 do not.
	for size, want := range map[uint16]Verdict{1260: Forward, 1261: ReplyFragmentation} {
		binary.NativeEndian.PutUint16(gso[4:], size)
		in := memlink.Packet{Data: long(client4, 20000, false).bytes(t), VNet: gso}
		if v, _ := h.one(in); v != want {
			t.Errorf("segments of %d bytes: %v, want %v", size, v, want)
		}
	}
	// No error about an error.
	quoted := append(quote(t, client4, vip4+":80"), make([]byte, 1300)...)
	long4 := message4(t, 3, 4, quoted)
	long4[14+6] |= 0x40 // DF
	frame.IPv4(long4[14:]).UpdateChecksum()
	if v, _ := h.one(memlink.Packet{Data: long4}); v != DropTooLong {
		t.Errorf("long ICMP error: %v", v)
	}
}

// TestDecrementTTL: `ttl: decrement` makes the director a hop.
func TestDecrementTTL(t *testing.T) {
	h := newHarnessWith(t, setting{Options: Options{Settings: hop}}, define(21), define6(21))
	for _, from := range []string{client4, client6} {
		p := tcp(from, syn)
		for _, ttl := range []uint8{255, 64, 2} {
			p.ttl = ttl
			want := p
			want.ttl--
			if out := h.want(Forward, p); !bytes.Equal(out.Data[12:], want.bytes(t)[12:]) {
				t.Errorf("TTL %d:\n% x, want\n% x", ttl, out.Data, want.bytes(t))
			}
		}
		for _, ttl := range []uint8{1} {
			last := p
			last.ttl, last.from = ttl, "198.51.100.9:999"
			svc, typ := 0, byte(11)
			if from == client6 {
				last.from, svc, typ = "[2001:db8:1::9]:999", 1, 3
			}
			g := decode(t, h.want(ReplyTimeExceeded, last))
			if got := g.NetworkLayer().LayerPayload()[:2]; got[0] != typ || got[1] != 0 {
				t.Errorf("ICMP %v", got)
			}
			if h.state(last) == 0 || h.load(svc, 21) != [2]int{2, 0} {
				t.Errorf("the kernel keeps the entry: %v, load %v", h.state(last), h.load(svc, 21))
			}
		}
	}
	dying := message4(t, 11, 0, quote(t, client4, vip4+":80"))
	frame.IPv4(dying[14:]).SetTTL(1)
	frame.IPv4(dying[14:]).UpdateChecksum()
	if v, _ := h.one(memlink.Packet{Data: dying}); v != DropTTL {
		t.Errorf("ICMP error with TTL 1: %v", v)
	}
	h.plane.SetSettings(ours)
	p := tcp(client4, ack)
	p.ttl = 1
	if out := h.want(Forward, p); !bytes.Equal(out.Data[12:], p.bytes(t)[12:]) {
		t.Error("TTL changed with `ttl: keep`")
	}
}

// TestLoopGuards: frames that this host or the chosen server sent.
func TestLoopGuards(t *testing.T) {
	h := newHarness(t, define(21))
	for source, want := range map[frame.MAC]Verdict{
		vipMAC: DropOwnSource, egressMAC: DropOwnSource, serverMAC(21): DropServerSource, serverMAC(22): Forward,
	} {
		p := tcp(client4, syn)
		p.source = source
		h.want(want, p)
	}
	// A server may be a client of another service.
	other := define(22)
	other.Name, other.Ranges[0].First, other.Ranges[0].Last = "other", 81, 81
	h.use(define(21), other)
	p := tcp("192.0.2.21:5000", syn).port("81")
	p.source = serverMAC(21)
	if got := h.to(p); got != 22 {
		t.Errorf("sent to %d", got)
	}
}

// TestScheduleICMP: with schedule_icmp an error about a connection that is not
// known is scheduled like its SYN, and what the client sends next goes there too.
func TestScheduleICMP(t *testing.T) {
	services := []service.Definition{persistent(define(21, 22, 23), 24), define6(31, 32, 33)}
	services[1].Scheduler = "rr"
	h := newHarness(t, services...)
	message := func(client string) []byte {
		if client == client4 {
			return message4(t, 3, 4, quote(t, client4, vip4+":80"))
		}
		return message6(t, "2001:db8:1::1", 2, 0, append(make([]byte, 4), quote(t, client6, "["+vip6+"]:80")...))
	}
	for i, client := range []string{client4, client6} {
		if v, _ := h.one(memlink.Packet{Data: message(client)}); v != DropICMPUnrelated {
			t.Errorf("off: %v", v)
		}
		h.plane.SetSettings(with(func(s *Settings) { s.ScheduleICMP = true }))
		v, sent := h.one(memlink.Packet{Data: message(client)})
		if v != Forward {
			t.Fatalf("on: %v", v)
		}
		server := int(frame.Ethernet(sent.Data).Dst()[5])
		if h.load(i, server) != [2]int{0, 1} {
			t.Errorf("server %d has %v", server, h.load(i, server))
		}
		if got := h.to(tcp(client, syn)); got != server {
			t.Errorf("the client went to %d, the error to %d", got, server)
		}
		h.plane.SetSettings(ours)
	}
	if n := h.templates(); n != 1 {
		t.Errorf("%d templates", n)
	}
	h.health(0, 21, service.Gone)
	h.health(0, 22, service.Gone)
	h.health(0, 23, service.Gone)
	h.plane.SetSettings(with(func(s *Settings) { s.ScheduleICMP = true }))
	if v, _ := h.one(memlink.Packet{Data: message(client4)}); v != DropICMPUnrelated {
		t.Errorf("without a server: %v", v)
	}
}

// TestScheduleICMPOfOnePacket: an error does not tie a flow of datagrams that are
// scheduled one by one to a server.
func TestScheduleICMPOfOnePacket(t *testing.T) {
	d := udpOf(define(21, 22))
	d.Scheduler, d.OnePacket = "rr", true
	h := newHarnessWith(t, setting{Options: Options{Settings: with(func(s *Settings) { s.ScheduleICMP = true })}}, d)
	p := udp(vip4 + ":80")
	p.to = client4
	if v, _ := h.one(memlink.Packet{Data: message4(t, 3, 4, p.ip(t))}); v != Forward {
		t.Errorf("%v", v)
	}
	if n := h.plane.Connections().Used; n != 0 {
		t.Errorf("%d places in use", n)
	}
	if a, b := h.to(udp(client4)), h.to(udp(client4)); a == b {
		t.Errorf("two datagrams went to %d", a)
	}
}

// TestScheduledByICMPIsUnmoved: such a connection lives for 3 s, in the state in
// which the kernel begins one.
func TestScheduledByICMPIsUnmoved(t *testing.T) {
	for _, p := range []packet{tcp(client4, ack), udp(client4)} {
		h := newHarness(t, define(21), udpOf(define(21)))
		h.plane.SetSettings(with(func(s *Settings) { s.ScheduleICMP = true }))
		reply := p
		reply.from, reply.to = p.to, p.from
		if v, _ := h.one(memlink.Packet{Data: message4(t, 3, 4, reply.ip(t))}); v != Forward {
			t.Fatal(v)
		}
		want := conntable.StateNone
		if p.protocol == frame.ProtocolUDP {
			want = conntable.StateUDP
		}
		h.advance(2750 * time.Millisecond)
		if got := h.state(p); got != want {
			t.Errorf("protocol %d: state %v, want %v", p.protocol, got, want)
		}
		h.advance(time.Second)
		if got := h.state(p); got != conntable.StateFree {
			t.Errorf("protocol %d: state %v after 3 s", p.protocol, got)
		}
	}
}
