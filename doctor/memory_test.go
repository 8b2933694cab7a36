package doctor

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lvsdr/arp"
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
	deaf    [2]int // it does not hear so many ARP and so many other frames
	gossip  []arp.Packet
	resets  int
}

// memory is a segment in memory, in its own time.
type memory struct {
	t     *testing.T
	hosts []*host
	sent  int
	most  int // frames at once
}

var (
	ownMAC  = frame.MAC{2, 0, 0, 0, 0, 2}
	ownIP   = ip("192.0.2.2")
	vip     = ip("192.0.2.10")
	web1    = ip("192.0.2.21")
	web2    = ip("192.0.2.22")
	web1MAC = frame.MAC{2, 0, 0, 0, 0, 0x21}
	web2MAC = frame.MAC{2, 0, 0, 0, 0, 0x22}
	alien   = frame.MAC{0x00, 0x50, 0x56, 1, 2, 3}
)

var testStart = time.Unix(1e9, 0)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func testSegment() segment {
	return segment{mac: ownMAC, mtu: 1500, addrs: []netip.Prefix{netip.MustParsePrefix("198.51.100.2/24"), netip.PrefixFrom(ownIP, 24)}}
}

// examine runs a machine on the segment until it is done.
func (l *memory) examine(o Options) []Result {
	l.t.Helper()
	now := testStart
	began := now
	m := newMachine(now, o, testSegment())
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

// deliver gives frames to the hosts, their answers to the machine, and so on. It
// reports whether there was an answer.
func (l *memory) deliver(m *machine, now time.Time, frames [][]byte) (answered bool) {
	l.t.Helper()
	for len(frames) > 0 {
		f := frames[0]
		frames = frames[1:]
		l.sent++
		for _, h := range l.hosts {
			if to := frame.Ethernet(f).Dst(); to != h.mac && to != frame.Broadcast {
				continue
			}
			if h.misses(f) {
				continue
			}
			for _, a := range h.hear(l.t, f) {
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
	left := &h.deaf[0]
	if frame.Ethernet(f).EtherType() != frame.EtherTypeARP {
		left = &h.deaf[1]
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
	dst := p.Key.Dst.Netip()
	switch {
	case p.Key.Src.Netip() != ownIP:
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
	if err != nil || a.Operation != arp.Request || a.SenderIP != ownIP || a.SenderMAC != ownMAC {
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
	frame.IPv4(g[p.Network:]).DecrementTTL()
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
	case p.Key.Protocol == frame.ProtocolICMP:
		if frame.Checksum(body, 0) != 0 {
			t.Fatal("bad ICMP checksum")
		}
		if h.quiet {
			return nil
		}
		return [][]byte{h.echo(p, slices.Clone(body))}
	case frame.Checksum(body, frame.PseudoSum(p.Key.Src, p.Key.Dst, p.Key.Protocol, len(body))) != 0:
		t.Fatalf("bad checksum of protocol %d", p.Key.Protocol)
	case h.reject != 0:
		return [][]byte{h.icmpError(f, p, own, frame.ICMPDestUnreachable, h.reject)}
	case h.filter:
	case p.Key.Protocol == frame.ProtocolTCP:
		return h.takeTCP(p, frame.TCP(body))
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

// echo returns an echo reply, or its first fragment.
func (h *host) echo(p *frame.Packet, body []byte) []byte {
	frame.ICMP(body).SetType(frame.ICMPEchoReply)
	if h.pieces == 0 || len(body)+frame.IPv4Len <= h.pieces {
		return h.reply(p, body)
	}
	f := h.reply(p, body[:h.pieces-frame.IPv4Len])
	header := frame.IPv4(f[frame.EthernetLen:])
	binary.BigEndian.PutUint16(f[frame.EthernetLen+6:], 0) // no DF
	header.SetFragment(0, true)
	header.UpdateChecksum()
	return f
}

// reply returns a packet back, from the address that was asked.
func (h *host) reply(p *frame.Packet, body []byte) []byte {
	return h.packet(p.Key.Dst, p.Key.Src, p.Key.Protocol, body)
}

func (h *host) icmpError(f []byte, p *frame.Packet, from netip.Addr, typ, code uint8) []byte {
	const quoted = frame.IPv4Len + 8
	b := make([]byte, frame.ICMPLen+quoted)
	frame.ICMP(b).Init(typ, code)
	copy(b[frame.ICMPLen:], f[p.Network:])
	frame.ICMP(b).UpdateChecksum()
	return h.packet(frame.AddrFrom(from), p.Key.Src, frame.ProtocolICMP, b)
}

func (h *host) packet(src, dst frame.Addr, protocol uint8, body []byte) []byte {
	const head = frame.EthernetLen + frame.IPv4Len
	f := make([]byte, head, head+len(body))
	e := frame.Ethernet(f)
	e.SetDst(ownMAC)
	e.SetSrc(h.mac)
	e.SetEtherType(frame.EtherTypeIPv4)
	frame.IPv4(f[frame.EthernetLen:]).Init(src, dst, protocol, 64, len(body))
	return append(f, body...)
}
