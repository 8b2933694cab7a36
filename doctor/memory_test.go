package doctor

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lvsdr/arp"
	"lvsdr/finding"
	"lvsdr/frame"
)

// host is one on a segment in memory. It answers as Linux does.
type host struct {
	mac   frame.MAC
	addrs []netip.Addr // for which it answers ARP
	takes []netip.Addr // whose packets it takes; addrs too
	tcp   []uint16     // ports that listen
	udp   []uint16     // ports that answer

	mtu     int    // of what it receives; 0: no limit
	pieces  int    // it answers echoes in fragments of this size; 0: whole
	quiet   bool   // it answers no echo
	filter  bool   // it drops TCP and UDP
	silent  bool   // UDP ports answer nothing, not even an error
	reject  uint8  // it rejects with this code of destination unreachable
	router  bool   // it forwards what is not its own
	behind  *host  // to that one, whose answers it sends on as its own
	gateway *host  // or to that one, which answers for itself
	wrong   bool   // it acknowledges another sequence number
	deaf    [2]int // it does not hear so many frames to all and so many others
	gossip  []arp.Packet
	resets  int
}

// memory is a segment in memory, in its own time.
type memory struct {
	t     *testing.T
	hosts []*host
	seg   *segment // nil: testSegment
	heard [][]byte // what comes up before anything is asked
	sent  int
	most  int // frames at once
}

var (
	ownMAC  = frame.MAC{2, 0, 0, 0, 0, 2}
	ownIP   = ip("192.0.2.2")
	ownIP6  = ip("2001:db8::2")
	alias   = frame.MAC{2, 0xff, 0, 0, 0, 1}
	vip     = ip("192.0.2.10")
	vip6    = ip("2001:db8:1::10")
	web16   = ip("2001:db8::21")
	web1    = ip("192.0.2.21")
	web2    = ip("192.0.2.22")
	web1MAC = frame.MAC{2, 0, 0, 0, 0, 0x21}
	web2MAC = frame.MAC{2, 0, 0, 0, 0, 0x22}
	alien   = frame.MAC{0x00, 0x50, 0x56, 1, 2, 3}
)

var testStart = time.Unix(1e9, 0)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func testSegment() segment {
	return segment{name: "eth0", mac: ownMAC, alias: alias, mtu: 1500, addrs: []netip.Prefix{
		netip.MustParsePrefix("198.51.100.2/24"), netip.PrefixFrom(ownIP, 24),
		netip.MustParsePrefix("fe80::2/64"), netip.PrefixFrom(ownIP6, 64),
	}}
}

// examine runs a machine on the segment until it is done.
func (l *memory) examine(o Options) []finding.Result {
	l.t.Helper()
	now := testStart
	began := now
	m := newMachine(now, o, l.segment())
	for _, b := range l.heard {
		m.receive(now, b)
	}
	for _, h := range l.hosts {
		for _, p := range h.gossip {
			l.encode(m, now, p)
		}
	}
	for {
		frames, err := m.tick(now)
		if err != nil {
			l.t.Fatal(err)
		}
		if m.done() {
			if spent := now.Sub(began); spent > 4*o.window() {
				l.t.Errorf("took %v", spent)
			}
			return m.diagnose()
		}
		l.most = max(l.most, len(frames))
		if len(frames) == 0 || !l.deliver(m, now, frames) {
			next := m.deadline(now)
			if !next.After(now) {
				l.t.Fatalf("at %v the deadline is %v", now, next)
			}
			now = next
		}
	}
}

func (l *memory) segment() segment {
	if l.seg == nil {
		return testSegment()
	}
	return *l.seg
}

// deliver gives frames to the hosts, their answers to the machine, and so on. It
// reports whether there was an answer.
func (l *memory) deliver(m *machine, now time.Time, frames [][]byte) (answered bool) {
	l.t.Helper()
	for len(frames) > 0 {
		f := frames[0]
		frames = frames[1:]
		l.sent++
		for _, h := range l.hosts {
			if to := frame.Ethernet(f).Dst(); to != h.mac && !to.IsMulticast() {
				continue
			}
			if h.misses(f) {
				continue
			}
			for _, a := range h.hear(l.t, f) {
				if frame.Ethernet(a).Dst() == h.mac {
					continue // the switch has just learnt that it is there
				}
				answered = true
				frames = append(frames, m.receive(now, a)...)
			}
		}
	}
	return answered
}

func (l *memory) encode(m *machine, now time.Time, p arp.Packet) {
	l.t.Helper()
	b, err := p.Encode()
	if err != nil {
		l.t.Fatal(err)
	}
	m.receive(now, b)
}

// misses reports whether the host does not hear a frame.
func (h *host) misses(f []byte) bool {
	left := &h.deaf[1]
	if frame.Ethernet(f).Dst().IsMulticast() {
		left = &h.deaf[0]
	}
	if *left == 0 {
		return false
	}
	*left--
	return true
}

// hear returns what the host answers to a frame.
func (h *host) hear(t *testing.T, f []byte) [][]byte {
	t.Helper()
	var p frame.Packet
	if bad := frame.Parse(f, &p); bad != frame.OK {
		t.Fatalf("sent a frame that is %v", bad)
	}
	if p.EtherType == frame.EtherTypeARP {
		return h.hearARP(t, f)
	}
	if p.ICMPType == frame.ICMPv6NeighborSolicitation && p.Key.Protocol == frame.ProtocolICMPv6 {
		return h.hearNDP(t, f, &p)
	}
	dst := p.Key.Dst.Netip()
	switch {
	case p.Key.Src.Netip() != ownIP && p.Key.Src.Netip() != ownIP6:
		t.Fatalf("asked from %v", p.Key.Src)
	case h.mtu > 0 && p.End-p.Network > h.mtu:
		return nil
	case !slices.Contains(h.addrs, dst) && !slices.Contains(h.takes, dst):
		return h.forward(t, f, &p)
	}
	return h.take(t, f, &p)
}

func (h *host) hearARP(t *testing.T, f []byte) [][]byte {
	t.Helper()
	a, err := arp.Decode(f)
	asks, probes := a.SenderIP == ownIP && a.SenderMAC == ownMAC, a.SenderIP == netip.IPv4Unspecified()
	if err != nil || a.Operation != arp.Request || !asks && !probes {
		t.Fatalf("asked %+v, %v", a, err)
	}
	if !slices.Contains(h.addrs, a.TargetIP) {
		return nil
	}
	b, err := (&arp.Packet{
		Destination: a.SenderMAC, Source: h.mac, Operation: arp.Reply,
		SenderMAC: h.mac, SenderIP: a.TargetIP, TargetMAC: a.SenderMAC, TargetIP: a.SenderIP,
	}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{b}
}

// hearNDP answers as RFC 4861, 7.2.4 has it: in front of all, if it was a probe.
func (h *host) hearNDP(t *testing.T, f []byte, p *frame.Packet) [][]byte {
	t.Helper()
	ask := frame.NDP(f[p.Transport:p.End])
	if !ask.Valid(p.Key.Src, p.Key.Dst, p.TTL) {
		t.Fatalf("bad solicitation % x", f)
	}
	if !slices.Contains(h.addrs, ask.Target().Netip()) {
		return nil
	}
	return [][]byte{h.advertise(ask.Target(), p.Key.Src)}
}

// advertise returns an advertisement to a host, or to all if that is the unspecified
// address.
func (h *host) advertise(target, to frame.Addr) []byte {
	flags, group := frame.NDPSolicited|frame.NDPOverride, frame.AddrFrom(ip("ff02::1"))
	if to == (frame.Addr{}) {
		flags, to = frame.NDPOverride, group
	}
	f, body := ipFrame(h.mac, ownMAC, target, to, frame.ProtocolICMPv6, ndpHops, frame.NDPLinkLayerLen)
	if to == group {
		frame.Ethernet(f).SetDst(frame.GroupMAC(group))
	}
	frame.NDP(body).InitAdvertisement(flags, target, h.mac)
	frame.ICMPv6(body).UpdateChecksum(target, to)
	return f
}

// forward does what a host does with a packet to somebody else.
func (h *host) forward(t *testing.T, f []byte, p *frame.Packet) [][]byte {
	t.Helper()
	next := h.gateway
	if next == nil {
		next = h.behind
	}
	switch {
	case !h.router:
		return nil
	case p.TTL <= 1:
		return [][]byte{h.icmpError(f, p, h.addrs[0], frame.ICMPTimeExceeded, 0)}
	case next == nil:
		return nil
	}
	g := slices.Clone(f)
	if p.Has(frame.IsIPv4) {
		frame.IPv4(g[p.Network:]).DecrementTTL()
	} else {
		frame.IPv6(g[p.Network:]).DecrementHopLimit()
	}
	answers := next.hear(t, g)
	for _, a := range answers {
		if h.behind != nil {
			frame.Ethernet(a).SetSrc(h.mac)
		}
	}
	return answers
}

// take answers a packet that is the host's.
func (h *host) take(t *testing.T, f []byte, p *frame.Packet) [][]byte {
	t.Helper()
	body := f[p.Transport:p.End]
	switch own := p.Key.Dst.Netip(); {
	case p.Key.Protocol == frame.ProtocolICMP && frame.Checksum(body, 0) != 0:
		t.Fatal("bad ICMP checksum")
	case p.Key.Protocol == frame.ProtocolICMP:
		return h.echo(p, slices.Clone(body))
	case frame.Checksum(body, frame.PseudoSum(p.Key.Src, p.Key.Dst, p.Key.Protocol, len(body))) != 0:
		t.Fatalf("bad checksum of protocol %d", p.Key.Protocol)
	case p.Key.Protocol == frame.ProtocolICMPv6:
		return h.echo(p, slices.Clone(body))
	case h.reject != 0:
		return [][]byte{h.icmpError(f, p, own, frame.ICMPDestUnreachable, h.reject)}
	case h.filter:
	case p.Key.Protocol == frame.ProtocolTCP:
		return h.takeTCP(p, frame.TCP(body))
	case p.Key.DstPort == portDNS && !isQuery(body[frame.UDPLen:]):
		t.Fatalf("asked a name server % x", body[frame.UDPLen:])
	case slices.Contains(h.udp, p.Key.DstPort):
		b := make([]byte, frame.UDPLen)
		frame.UDP(b).Init(p.Key.DstPort, p.Key.SrcPort, 0)
		return [][]byte{h.reply(p, b)}
	case !h.silent:
		return [][]byte{h.icmpError(f, p, own, frame.ICMPDestUnreachable, frame.ICMPCodePortUnreachable)}
	}
	return nil
}

func (h *host) takeTCP(p *frame.Packet, syn frame.TCP) [][]byte {
	if p.TCPFlags&frame.TCPRst != 0 {
		h.resets++
		return nil
	}
	flags := frame.TCPRst | frame.TCPAck
	if slices.Contains(h.tcp, p.Key.DstPort) {
		flags = frame.TCPSyn | frame.TCPAck
	}
	ack := syn.Seq() + 1
	if h.wrong {
		ack++
	}
	b := make([]byte, frame.TCPLen)
	frame.TCP(b).Init(p.Key.DstPort, p.Key.SrcPort, 7, ack, flags)
	return [][]byte{h.reply(p, b)}
}

// isQuery reports whether it is a DNS query (RFC 1035, 4.1) with one question.
func isQuery(b []byte) bool {
	return len(b) == 17 && b[2]&0x80 == 0 && binary.BigEndian.Uint16(b[4:]) == 1 && binary.BigEndian.Uint16(b[13:]) == 2
}

// echo returns an echo reply, or its first fragment.
func (h *host) echo(p *frame.Packet, body []byte) [][]byte {
	if h.quiet {
		return nil
	}
	if p.Has(frame.IsIPv6) {
		body[0] = frame.ICMPv6EchoReply
		frame.ICMPv6(body).UpdateChecksum(p.Key.Dst, p.Key.Src)
		return [][]byte{h.reply(p, body)}
	}
	frame.ICMP(body).SetType(frame.ICMPEchoReply)
	if h.pieces == 0 || len(body)+frame.IPv4Len <= h.pieces {
		return [][]byte{h.reply(p, body)}
	}
	f := h.reply(p, body[:h.pieces-frame.IPv4Len])
	header := frame.IPv4(f[frame.EthernetLen:])
	header.ClearDontFragment()
	header.SetFragment(0, true)
	header.UpdateChecksum()
	return [][]byte{f}
}

// reply returns a packet back, from the address that was asked.
func (h *host) reply(p *frame.Packet, body []byte) []byte {
	return h.packet(p.Key.Dst, p.Key.Src, p.Key.Protocol, body)
}

// icmpError returns an error; type and code are those of ICMP, also where it is ICMPv6's.
func (h *host) icmpError(f []byte, p *frame.Packet, from netip.Addr, typ, code uint8) []byte {
	quoted := f[p.Network:min(p.Transport+8, p.End)]
	b := make([]byte, frame.ICMPLen+len(quoted))
	copy(b[frame.ICMPLen:], quoted)
	src := frame.AddrFrom(from)
	if p.Has(frame.IsIPv4) {
		b[0], b[1] = typ, code
		frame.ICMP(b).UpdateChecksum()
		return h.packet(src, p.Key.Src, frame.ProtocolICMP, b)
	}
	switch {
	case typ == frame.ICMPTimeExceeded:
		b[0] = frame.ICMPv6TimeExceeded
	case code == frame.ICMPCodePortUnreachable:
		b[0], b[1] = frame.ICMPv6DestUnreachable, frame.ICMPv6CodePortUnreachable
	default:
		b[0], b[1] = frame.ICMPv6DestUnreachable, 1 // administratively prohibited
	}
	frame.ICMPv6(b).UpdateChecksum(src, p.Key.Src)
	return h.packet(src, p.Key.Src, frame.ProtocolICMPv6, b)
}

func (h *host) packet(src, dst frame.Addr, protocol uint8, body []byte) []byte {
	f, to := ipFrame(h.mac, ownMAC, src, dst, protocol, 64, len(body))
	copy(to, body)
	return f
}
