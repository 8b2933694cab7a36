package dataplane

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"

	"lvsdr/dataplane/fragment"
	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// cut is a packet in fragments of at most size bytes of payload, a multiple of
// 8. All have the same identification.
func cut(t *testing.T, p packet, size int, id uint16) (frames [][]byte) {
	t.Helper()
	p.mayFragment = true
	whole := p.bytes(t)
	if whole[12] == 0x86 {
		return cut6(whole, size, uint32(id))
	}
	header, payload := whole[:34], whole[34:]
	for at := 0; at < len(payload); at += size {
		piece := payload[at:min(at+size, len(payload))]
		f := slices.Concat(header, piece)
		h := frame.IPv4(f[14:])
		binary.BigEndian.PutUint16(h[4:], id)
		h.SetTotalLen(20 + len(piece))
		h.SetFragment(uint16(at), at+size < len(payload))
		h.UpdateChecksum()
		frames = append(frames, f)
	}
	return frames
}

func cut6(whole []byte, size int, id uint32) (frames [][]byte) {
	payload := whole[54:]
	for at := 0; at < len(payload); at += size {
		piece := payload[at:min(at+size, len(payload))]
		ext := binary.BigEndian.AppendUint32([]byte{whole[20], 0, byte(at >> 8), byte(at)}, id)
		if at+size < len(payload) {
			ext[3] |= 1
		}
		f := slices.Concat(whole[:54], ext, piece)
		f[20] = 44
		binary.BigEndian.PutUint16(f[18:], uint16(len(ext)+len(piece)))
		frames = append(frames, f)
	}
	return frames
}

// big is a datagram of 3000 bytes.
func big(from string) packet {
	p := udp(from)
	p.payload = 3000
	return p
}

// sentTo checks that the frames are those that left, unchanged at the network
// layer and in their order, and returns the number of the one server that got
// them.
func sentTo(t *testing.T, sent []memlink.Packet, frames ...[]byte) (server int) {
	t.Helper()
	if len(sent) != len(frames) {
		t.Fatalf("%d frames left, want %d", len(sent), len(frames))
	}
	for i, s := range sent {
		n := int(frame.Ethernet(s.Data).Dst()[5])
		if server != 0 && n != server {
			t.Errorf("fragment %d went to %d, the first to %d", i, n, server)
		}
		server = n
		if !bytes.Equal(s.Data[14:], frames[i][14:]) {
			t.Errorf("fragment %d has changed", i)
		}
	}
	return server
}

func (h *harness) give(frames ...[]byte) []memlink.Packet {
	h.Helper()
	var packets []memlink.Packet
	for _, f := range frames {
		packets = append(packets, memlink.Packet{Data: slices.Clone(f)})
	}
	return h.inject(packets...)
}

// TestFragmentsReachOneServer in every order, IPv4 and IPv6, each fragment in a
// batch of its own or all in one.
func TestFragmentsReachOneServer(t *testing.T) {
	for _, from := range []string{client4, client6} {
		services := []service.Definition{udpOf(hashed("rr")), udpOf(define6(21, 22, 23))}
		h := newHarness(t, services...)
		id := uint16(1)
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			f := cut(t, big(from), 1208, id)
			given := [][]byte{f[order[0]], f[order[1]], f[order[2]]}
			// Those that come before the first leave behind it.
			first := slices.Index(order, 0)
			want := slices.Concat([][]byte{f[0]}, given[:first], given[first+1:])
			whole := sentTo(t, h.give(given...), want...)
			for i := range f {
				binary.BigEndian.PutUint16(f[i][18:], id+100)
			}
			if from == client4 {
				for i := range f {
					frame.IPv4(f[i][14:]).UpdateChecksum()
				}
				var sent []memlink.Packet
				for _, g := range given {
					sent = append(sent, h.give(g)...)
				}
				if got := sentTo(t, sent, want...); got != whole {
					t.Errorf("order %v: to %d, the flow's server is %d", order, got, whole)
				}
			}
			id++
		}
		if s := h.plane.Fragments(); s.Datagrams != 0 || s.Waiting != 0 || s.Lost != 0 {
			t.Errorf("in the end: %+v", s)
		}
		rs := h.server(map[string]int{client4: 0, client6: 1}[from], 21)
		if rs.Stats().Packets.Load()%3 != 0 {
			t.Errorf("%d packets counted", rs.Stats().Packets.Load())
		}
	}
}

// TestFragmentsOfRefusedDatagrams: none leaves, whether it comes before or after
// the first.
func TestFragmentsOfRefusedDatagrams(t *testing.T) {
	h := newHarness(t, udpOf(define(21)))
	f := cut(t, big(client4).port("81"), 1208, 9)
	for i, c := range []struct {
		data []byte
		want Verdict
	}{{f[1], HoldFragment}, {f[0], ReplyUnreachable}, {f[2], DropFragment}} {
		if got, _ := h.one(memlink.Packet{Data: c.data}); got != c.want {
			t.Errorf("fragment %d: %v, want %v", i, got, c.want)
		}
	}
	if s := h.plane.Fragments(); s.Lost != 1 || s.Released != 0 {
		t.Errorf("%+v", s)
	}
}

// TestFragmentsThatAreNotForwarded: each reason has its own verdict.
func TestFragmentsThatAreNotForwarded(t *testing.T) {
	h := newHarness(t, udpOf(define(21)))
	f := cut(t, big(client4), 1208, 9)
	overlapping := cut(t, big(client4), 1200, 9)
	duplicate, overlap := DropFragmentFor(fragment.Duplicate), DropFragmentFor(fragment.Overlap)
	for i, c := range []struct {
		data []byte
		want Verdict
	}{
		{f[0], Forward},
		{f[1], Forward},
		{f[1], duplicate},
		{overlapping[2], overlap},
		{f[2], overlap}, // the datagram is spoilt
		{f[0], Forward}, // a new one begins
		{f[1], Forward},
	} {
		if got, _ := h.one(memlink.Packet{Data: slices.Clone(c.data)}); got != c.want {
			t.Errorf("fragment %d: %v, want %v", i, got, c.want)
		}
	}
	h.health(0, 21, service.Gone)
	if got, _ := h.one(memlink.Packet{Data: f[2]}); got != DropFragment {
		t.Errorf("the server is dead, and the fragment is %v", got)
	}
}

// TestFragmentsExpire: what waits in vain is forgotten after 5 s.
func TestFragmentsExpire(t *testing.T) {
	h := newHarness(t, udpOf(define(21)))
	f := cut(t, big(client4), 1208, 9)
	h.give(f[1])
	h.advance(6 * time.Second)
	if s := h.plane.Fragments(); s.Datagrams != 0 || s.Waiting != 0 || s.Bytes != 0 || s.Lost != 1 {
		t.Errorf("%+v", s)
	}
	sentTo(t, h.give(f[0]), f[0])
}

// TestFragmentedSegment: a TCP segment in fragments moves its connection on.
func TestFragmentedSegment(t *testing.T) {
	h := newHarness(t, define(21, 22))
	server := h.to(tcp(client4, syn))
	h.to(tcp(client4, ack))
	p := tcp(client4, ack|psh)
	p.payload = 2000
	f := cut(t, p, 1000, 3)
	if got := sentTo(t, h.give(f...), f...); got != server {
		t.Errorf("to %d, the connection's server is %d", got, server)
	}
	// A ping in fragments is not answered: it would have to be put together.
	ping := echo4(t, 8, 0)
	frame.IPv4(ping[14:]).SetFragment(0, true)
	frame.IPv4(ping[14:]).UpdateChecksum()
	if got, _ := h.one(memlink.Packet{Data: ping}); got != DropICMP {
		t.Errorf("a fragmented ping: %v", got)
	}
}

// TestFragmentedICMPError reaches the server of the connection that it quotes.
func TestFragmentedICMPError(t *testing.T) {
	for _, reversed := range []bool{false, true} {
		h := newHarness(t, define(21, 22))
		server := h.to(tcp(client4, syn))
		whole := message4(t, 3, 4, append(quote(t, client4, vip4+":80"), make([]byte, 500)...))
		var f [][]byte
		for at, size := 34, 256; at < len(whole); at += size {
			piece := slices.Concat(whole[:34], whole[at:min(at+size, len(whole))])
			ip := frame.IPv4(piece[14:])
			ip.SetTotalLen(len(piece) - 14)
			ip.SetFragment(uint16(at-34), at+size < len(whole))
			ip.UpdateChecksum()
			f = append(f, piece)
		}
		given := slices.Clone(f)
		want := f
		if reversed {
			slices.Reverse(given)
			want = slices.Concat(f[:1], given[:len(given)-1])
		}
		if got := sentTo(t, h.give(given...), want...); got != server {
			t.Errorf("to %d, the connection's server is %d", got, server)
		}
	}
}

// TestCutToFit: an IPv4 packet that may be fragmented leaves in fragments that
// fit the egress interface, with its VLAN tags, a checksum that the sender left
// to its card, and one hop less.
func TestCutToFit(t *testing.T) {
	h := newHarnessWith(t, setting{mtu: 1000, Options: Options{Settings: hop}}, udpOf(define(21)))
	p := big(client4)
	p.mayFragment = true
	data := tagged(p.bytes(t), 0x81000007)
	whole := slices.Clone(data)
	partial := [link.VNetHeaderLen]byte{0: link.VNetNeedsChecksum}
	binary.NativeEndian.PutUint16(partial[6:], 14+4+20)
	binary.NativeEndian.PutUint16(partial[8:], 6)
	data[14+4+20+6]++ // it is not the checksum yet
	sent := h.inject(memlink.Packet{Data: data, VNet: partial})
	if len(sent) != 4 {
		t.Fatalf("%d frames", len(sent))
	}
	defrag := ip4defrag.NewIPv4Defragmenter()
	for i, s := range sent {
		if !bytes.Equal(s.Data[12:18], whole[12:18]) || len(s.Data)-18 > 1000 || s.VNet != ([link.VNetHeaderLen]byte{}) {
			t.Fatalf("piece %d: % x, %d bytes", i, s.Data[:18], len(s.Data))
		}
		g := gopacket.NewPacket(s.Data, layers.LayerTypeEthernet, gopacket.Default)
		ip := g.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		if ip.TTL != 63 {
			t.Errorf("piece %d has TTL %d", i, ip.TTL)
		}
		full, err := defrag.DefragIPv4(ip)
		if err != nil {
			t.Fatal(err)
		}
		if full != nil && !bytes.Equal(full.Payload, whole[38:]) {
			t.Errorf("put together, it is not what was sent")
		}
		if (full != nil) != (i == len(sent)-1) {
			t.Errorf("piece %d completes the datagram: %v", i, full != nil)
		}
	}
	if c := h.plane.Counters(); c[Forward] != 1 || c[ExtraPiece] != 3 {
		t.Errorf("%v", c)
	}
}

// TestNoAllocationsForFragments: neither for fragments, in whatever order they
// come, nor for packets that are cut.
func TestNoAllocationsForFragments(t *testing.T) {
	h := newHarnessWith(t, setting{mtu: 1300}, udpOf(define(21)))
	h.wire.Discard()
	p := big(client4)
	p.mayFragment = true
	f, r := cut(t, big(client4), 800, 9), cut(t, big(client4), 800, 10) // four each
	for name, b := range map[string]*batch{"fragments": newBatch(f...), "reversed": newBatch(r[3], r[2], r[1], r[0]), "cut to fit": newBatch(p.bytes(t))} {
		b.restore()
		h.worker.batch(b.frames[:])
		if n := testing.AllocsPerRun(20, func() { b.restore(); h.worker.batch(b.frames[:]) }); n != 0 {
			t.Errorf("%s: %v allocations a batch", name, n)
		}
	}
	if s := h.plane.Fragments(); s.Released == 0 {
		t.Errorf("none has waited: %+v", s)
	}
}

// TestNoAnswerToLaterFragments: only the first fragment of a datagram is worth
// an ICMP error, however many others wait for it.
func TestNoAnswerToLaterFragments(t *testing.T) {
	for _, from := range []string{client4, client6} {
		h := newHarnessWith(t, setting{Options: Options{Settings: hop}}, udpOf(define(21)), udpOf(define6(21)))
		p := udp(from)
		p.payload = 2000
		f := cut(t, p, 16, 9)
		for _, later := range f[1:121] {
			if from == client6 {
				later[21] = 1
				continue
			}
			frame.IPv4(later[14:]).SetTTL(1)
			frame.IPv4(later[14:]).UpdateChecksum()
		}
		h.give(f[1:121]...)
		if sent := h.give(f[0]); len(sent) != 1 {
			t.Errorf("%d frames left", len(sent))
		}
		if s := h.plane.Fragments(); s.Lost == 0 || s.Released != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestLostPieces: pieces that the egress link does not take are not made good by
// replies that left by another link.
func TestLostPieces(t *testing.T) {
	h := newHarnessWith(t, setting{mtu: 1000, twoArm: true}, udpOf(define(21)))
	p := big(client4)
	p.mayFragment = true
	packets := []memlink.Packet{wired(t, p)}
	for range 5 {
		packets = append(packets, wired(t, udp(client4).port("81")))
	}
	h.out.SetUp(false)
	h.inject(packets...)
	c := h.plane.Counters()
	if c[Forward] != 0 || c[ExtraPiece] != 0 || c[DropSend] != 1 || c[ReplyUnreachable] != 5 {
		t.Errorf("%v", c)
	}
}

// TestEarlyFragmentIsCutToFit: a fragment that waited is cut like one that comes
// in its turn.
func TestEarlyFragmentIsCutToFit(t *testing.T) {
	h := newHarnessWith(t, setting{mtu: 1000}, udpOf(define(21)))
	f := cut(t, big(client4), 1208, 9)
	defrag := ip4defrag.NewIPv4Defragmenter()
	sent := h.give(f[2], f[1], f[0])
	for i, s := range sent {
		if len(s.Data)-14 > 1000 {
			t.Errorf("piece %d has %d bytes", i, len(s.Data)-14)
		}
		g := gopacket.NewPacket(s.Data, layers.LayerTypeEthernet, gopacket.Default)
		full, err := defrag.DefragIPv4(g.Layer(layers.LayerTypeIPv4).(*layers.IPv4))
		if err != nil || (full != nil) != (i == len(sent)-1) {
			t.Errorf("piece %d of %d: complete %v, %v", i, len(sent), full != nil, err)
		}
	}
	if s := h.plane.Fragments(); len(sent) != 5 || s.Released != 2 || s.Lost != 0 {
		t.Errorf("%d pieces, %+v", len(sent), s)
	}
	if c := h.plane.Counters(); c[Forward] != 1 || c[ExtraReleased] != 2 || c[ExtraPiece] != 2 {
		t.Errorf("%v", c)
	}
}
