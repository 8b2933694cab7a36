package dataplane

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
)

// malformed has a frame to a VIP of every kind that is refused.
func malformed(t testing.TB) map[frame.Malformed][]byte {
	tcp4, tcp6 := ether(tcp(client4, syn).ip(t)), ether(tcp(client6, syn).ip(t))
	udp4 := ether(udp(client4).ip(t))
	change := func(f []byte, offset int, v ...byte) []byte {
		f = bytes.Clone(f)
		copy(f[offset:], v)
		return f
	}
	// header changes the IPv4 header, mending its checksum.
	header := func(f []byte, offset int, v ...byte) []byte {
		f = change(f, 14+offset, v...)
		frame.IPv4(f[14:]).UpdateChecksum()
		return f
	}
	cut := func(f []byte, n int) []byte { // the packet, not only the frame
		return header(f[:14+20+n], 2, 0, byte(20+n))
	}
	next6 := func(next byte, body ...byte) []byte { // an IPv6 packet with another payload
		f := change(append(tcp6[:54:54], body...), 14+6, next)
		binary.BigEndian.PutUint16(f[14+4:], uint16(len(body)))
		return f
	}
	address6 := func(offset int, a string) []byte {
		b := netip.MustParseAddr(a).As16()
		return change(tcp6, 14+offset, b[:]...)
	}
	error4 := message4(t, 3, 4, quote(t, client4, vip4+":80"))
	options := []byte{6, 0, 1, 4, 0, 0, 0, 0}
	return map[frame.Malformed][]byte{
		frame.TruncatedEthernet:   tcp4[:13],
		frame.TruncatedVLAN:       change(tcp4, 12, 0x81, 0)[:16],
		frame.TruncatedARP:        change(tcp4, 12, 8, 6)[:20],
		frame.TruncatedIPv4:       tcp4[:33],
		frame.TruncatedIPv6:       tcp6[:53],
		frame.TruncatedExtension:  next6(60, options[:7]...),
		frame.TruncatedTCP:        cut(tcp4, 19),
		frame.TruncatedUDP:        cut(udp4, 7),
		frame.TruncatedSCTP:       cut(header(udp4, 9, 132), 11),
		frame.TruncatedICMP:       cut(header(udp4, 9, 1), 7),
		frame.TruncatedQuote:      cut(error4, 8+27),
		frame.BadVersion:          change(tcp4, 14, 0x65),
		frame.BadHeaderLength:     change(tcp4, 14, 0x44),
		frame.LengthBelowHeader:   header(tcp4, 2, 0, 19),
		frame.LengthBeyondFrame:   header(tcp4, 2, 0, 41),
		frame.Jumbogram:           header(append(bytes.Clone(tcp4), make([]byte, 65522)...), 2, 0, 0),
		frame.BadChecksum:         change(tcp4, 24, tcp4[24]^1),
		frame.BadDataOffset:       change(tcp4, 46, 0x40),
		frame.BadUDPLength:        change(udp4, 38, 0, 7),
		frame.BadExtensionOrder:   next6(60, append([]byte{0, 0, 1, 4, 0, 0, 0, 0}, append(options, make([]byte, 20)...)...)...),
		frame.TooManyExtensions:   next6(60, bytes.Repeat([]byte{60, 0, 1, 4, 0, 0, 0, 0}, 9)...),
		frame.BadQuote:            change(error4, 14+28, 0x65),
		frame.TinyFragment:        cut(header(tcp4, 6, 0x20, 0), 16),
		frame.FragmentInHeader:    header(tcp4, 6, 0, 1),
		frame.FragmentTooBig:      header(udp4, 6, 0x1f, 0xff),
		frame.BadFragmentLength:   cut(header(udp4, 6, 0, 100), 0),
		frame.MartianSource:       header(tcp4, 12, 127, 0, 0, 1),
		frame.MappedAddress:       address6(8, "::ffff:198.51.100.7"),
		frame.SourceIsDestination: address6(8, vip6),
	}
}

// ether puts the client's Ethernet header before an IP packet.
func ether(ip []byte) []byte {
	f := append(append(vipMAC[:], clientMAC[:]...), 8, 0)
	if ip[0]>>4 == 6 {
		f[12], f[13] = 0x86, 0xdd
	}
	return append(f, ip...)
}

func TestMalformedIsNeverForwarded(t *testing.T) {
	frames := malformed(t)
	for m := frame.OK + 1; int(m) < frame.MalformedCount; m++ {
		data, ok := frames[m]
		if !ok {
			t.Errorf("no frame that is %v", m)
			continue
		}
		h := newHarness(t, define(21), udpOf(define(21)), define6(21))
		v, out := h.one(memlink.Packet{Data: data})
		if v != Malformed(m) || out.Data != nil {
			t.Errorf("%v: %v, sent % x", m, v, out.Data)
		}
		if v.Kind() != Dropped || v.Reason() != m.String() {
			t.Errorf("%v is %v", m, v)
		}
	}
}

func TestFramesOfOthers(t *testing.T) {
	h := newHarness(t, define(21), define6(21))
	arp := ether(make([]byte, 28))
	arp[12], arp[13] = 8, 6
	igmp, gre6 := tcp(client4, syn).bytes(t), tcp(client6, syn).bytes(t)
	igmp[14+9], gre6[14+6] = 2, 47
	frame.IPv4(igmp[14:]).UpdateChecksum()
	elsewhere := tcp(client4, syn)
	elsewhere.to = "192.0.2.99:80"
	whole := tcp(client4, syn).bytes(t)
	cases := map[string]struct {
		in   memlink.Packet
		want Verdict
	}{
		"arp":             {memlink.Packet{Data: arp}, IgnoreNotIP},
		"lldp":            {memlink.Packet{Data: append(ether([]byte{0x45})[:12], 0x88, 0xcc)}, IgnoreNotIP},
		"another host":    {memlink.Packet{Data: elsewhere.bytes(t)}, IgnoreNotVIP},
		"igmp":            {memlink.Packet{Data: igmp}, DropProtocol},
		"gre, IPv6":       {memlink.Packet{Data: gre6}, DropProtocol},
		"cut by the link": {memlink.Packet{Data: whole, WireLen: len(whole) + 1}, DropCut},
	}
	for name, c := range cases {
		if v, out := h.one(c.in); v != c.want || out.Data != nil {
			t.Errorf("%s: %v, want %v; sent % x", name, v, c.want, out.Data)
		}
	}
	nothing := newHarness(t)
	if v, _ := nothing.one(memlink.Packet{Data: whole}); v != IgnoreNotVIP {
		t.Errorf("no services: %v", v)
	}
}

// TestEveryFrameIsCounted sends good, odd, mutated and random frames. The
// harness checks after each batch that the counters account for all of them and
// for what was sent; here, that nothing malformed left.
func TestEveryFrameIsCounted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := newHarnessWith(t, setting{mtu: 1200, twoArm: true, Options: Options{Settings: hop}},
		define(21, 22), udpOf(define(21)), define6(21), udpOf(define6(21, 22)))
	seeds := [][]byte{
		tcp(client4, syn).bytes(t), tcp(client6, syn).bytes(t), udp(client4).bytes(t), udp(client6).bytes(t),
		tagged(tcp(client4, ack).bytes(t), 0x81000007), echo4(t, 8, 0), message6(t, "2001:db8:1::7", 128, 0, make([]byte, 8)),
		message4(t, 3, 4, quote(t, client4, vip4+":80")), packet{from: client4, to: vip4 + ":80", protocol: 6, flags: ack, payload: 1400}.bytes(t),
		tcp(client4, syn).port("81").bytes(t), udp(client4).port("81").bytes(t), tcp(client4, rst).bytes(t),
	}
	for _, data := range malformed(t) {
		seeds = append(seeds, data[:min(len(data), 2000)])
	}
	var want Counters
	var parsed frame.Packet
	for range 300 {
		batch := make([]memlink.Packet, 1+r.IntN(BatchSize))
		for i := range batch {
			batch[i].Data = mutate(r, seeds[r.IntN(len(seeds))])
			if r.IntN(20) == 0 {
				batch[i].WireLen = len(batch[i].Data) + 1
				want[DropCut]++
			} else if m := frame.Parse(batch[i].Data, &parsed); m != frame.OK {
				want[Malformed(m)]++
			}
			if r.IntN(10) == 0 {
				batch[i].VNet[1] = link.VNetGSOTCP4
			}
		}
		h.out.Refuse(r.IntN(3))
		for _, out := range h.inject(batch...) {
			if m := frame.Parse(out.Data, &parsed); m != frame.OK {
				t.Fatalf("%v: sent % x", m, out.Data)
			}
		}
		h.wire.Refuse(0)
	}
	got := h.plane.Counters()
	for v := range got {
		if (Verdict(v) >= dropMalformed || Verdict(v) == DropCut) && got[v] != want[v] {
			t.Errorf("%v: %d frames, want %d", Verdict(v), got[v], want[v])
		}
	}
	for _, v := range []Verdict{Forward, ReplyRST, ReplyEcho, ReplyUnreachable, DropSend, DropCut, IgnoreNotVIP} {
		if got[v] == 0 {
			t.Errorf("no frame was %v", v)
		}
	}
}

// mutate changes, cuts or lengthens a frame, or leaves it as it is.
func mutate(r *rand.Rand, data []byte) []byte {
	data = bytes.Clone(data)
	switch r.IntN(6) {
	case 0:
		for range 1 + r.IntN(3) {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
	case 1:
		data = data[:r.IntN(len(data)+1)]
	case 2:
		data = append(data, make([]byte, r.IntN(50))...)
	case 3: // an IPv4 header with a right checksum around nonsense
		for i := 14; i < min(len(data), 60); i++ {
			if r.IntN(10) == 0 {
				data[i] = byte(r.Uint32())
			}
		}
		if len(data) >= 34 && frame.IPv4(data[14:]).HeaderLen() <= len(data)-14 {
			frame.IPv4(data[14:]).UpdateChecksum()
		}
	case 4: // other ports
		if len(data) >= 38 {
			binary.BigEndian.PutUint16(data[34:], uint16(r.Uint32()))
		}
	}
	return data
}
