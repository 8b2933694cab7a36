package frame

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// slowSum is RFC 1071's own description.
func slowSum(b []byte, sum uint32) uint16 {
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		sum += word
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		b, initial := randomBytes(r, n), uint16(r.Uint32())
		if n%3 == 0 { // carries all the way
			b, initial = bytes.Repeat([]byte{0xff}, n), 0xffff
		}
		if got, want := Sum(b, initial), slowSum(b, uint32(initial)); got != want {
			t.Fatalf("Sum(%x, %#x) = %#x, want %#x", b, initial, got, want)
		}
		if got, want := Checksum(b, initial), ^slowSum(b, uint32(initial)); got != want {
			t.Fatalf("Checksum(%x, %#x) = %#x, want %#x", b, initial, got, want)
		}
	}
	if got := Sum(bytes.Repeat([]byte{0xff}, 1<<16), 0xffff); got != 0xffff {
		t.Errorf("Sum of 64 KiB of ones = %#x", got)
	}
}

func TestUpdateChecksum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		b := randomBytes(r, 20)
		b[0] = 0x45 // a header's sum is never 0
		at := 2 * r.IntN(10)
		if at == 0 {
			at = 2
		}
		before, after := binary.BigEndian.Uint16(b[at:]), uint16(r.Uint32())
		if r.IntN(4) == 0 {
			after = [...]uint16{0, 0xffff, ^before, before}[r.IntN(4)]
		}
		sum := Checksum(b, 0)
		binary.BigEndian.PutUint16(b[at:], after)
		if got, want := UpdateChecksum(sum, before, after), Checksum(b, 0); got != want {
			t.Fatalf("%#x: %#x -> %#x = %#x, want %#x", sum, before, after, got, want)
		}
	}
}

func TestDecrementTTL(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		h := IPv4(make([]byte, IPv4Len))
		h.Init(AddrFrom4(r.Uint32()), AddrFrom4(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32()), r.IntN(1400))
		before := bytes.Clone(h)
		if h.DecrementTTL() != (IPv4(before).TTL() > 1) {
			t.Fatalf("DecrementTTL of %x: %v", before, h.TTL() > 1)
		}
		if IPv4(before).TTL() <= 1 {
			if !bytes.Equal(h, before) {
				t.Fatalf("no hop left, yet %x became %x", before, h)
			}
			continue
		}
		want := IPv4(bytes.Clone(before))
		want.SetTTL(want.TTL() - 1)
		want.UpdateChecksum()
		if !bytes.Equal(h, want) || !h.ChecksumValid() {
			t.Fatalf("DecrementTTL: %x became %x, want %x", before, h, want)
		}
	}
	six := IPv6(quote6(6))
	six.SetHopLimit(2)
	if !six.DecrementHopLimit() || six.DecrementHopLimit() || six.HopLimit() != 1 {
		t.Errorf("hop limit %d after two decrements from 2", six.HopLimit())
	}
}

// decode is gopacket's reading of a frame, in which nothing may be wrong.
func decode(t *testing.T, b []byte) gopacket.Packet {
	t.Helper()
	packet := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	if l := packet.ErrorLayer(); l != nil {
		t.Fatalf("gopacket: %v\n%x", l.Error(), b)
	}
	return packet
}

// wantSame fails unless gopacket, mending all lengths and checksums of b, makes
// the same bytes of it again.
func wantSame(t *testing.T, b []byte) {
	t.Helper()
	packet := decode(t, b)
	for _, l := range packet.Layers() {
		if c, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := c.SetNetworkLayerForChecksum(packet.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
		}
	}
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializePacket(buf, options, packet); err != nil {
		t.Fatal(err)
	}
	if got := buf.Bytes()[:len(b)]; !bytes.Equal(got, b) {
		t.Errorf("built      %x\ngopacket's %x", b, got)
	}
}

// newFrame is an Ethernet frame from the VIP to the client.
func newFrame(etherType uint16, size int) []byte {
	b := make([]byte, EthernetLen+size)
	e := Ethernet(b)
	e.SetDst(testClientMAC)
	e.SetSrc(testVIPMAC)
	e.SetEtherType(etherType)
	return b
}

func TestEthernet(t *testing.T) {
	e := Ethernet(newFrame(EtherTypeIPv6, 0))
	want := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd}
	if !bytes.Equal(e, want) || e.Dst() != testClientMAC || e.Src() != testVIPMAC || e.EtherType() != EtherTypeIPv6 {
		t.Errorf("frame %x, want %x", e, want)
	}
}

func TestBuildTCPReset(t *testing.T) {
	b := newFrame(EtherTypeIPv4, IPv4Len+TCPLen)
	IPv4(b[14:]).Init(testVIP4, testClient4, ProtocolTCP, 64, TCPLen)
	segment := TCP(b[34:])
	segment.Init(80, 40000, 0, 0x01020304, TCPRst|TCPAck)
	segment.UpdateChecksum(testVIP4, testClient4)
	wantSame(t, b)
	l := decode(t, b).Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !l.RST || !l.ACK || l.SYN || l.Ack != segment.Ack() || l.Seq != segment.Seq() ||
		uint16(l.SrcPort) != segment.SrcPort() || uint16(l.DstPort) != segment.DstPort() ||
		l.Window != segment.Window() || segment.HeaderLen() != TCPLen {
		t.Errorf("gopacket reads %+v", l)
	}

	b = newFrame(EtherTypeIPv6, IPv6Len+TCPLen)
	IPv6(b[14:]).Init(testVIP6, testClient6, ProtocolTCP, 64, TCPLen)
	segment = TCP(b[54:])
	segment.Init(80, 40000, 0xfffffffe, 7, TCPRst)
	segment.UpdateChecksum(testVIP6, testClient6)
	wantSame(t, b)
}

func TestBuildUDP(t *testing.T) {
	for n := range 40 {
		b := newFrame(EtherTypeIPv4, IPv4Len+UDPLen+n)
		IPv4(b[14:]).Init(testVIP4, testClient4, ProtocolUDP, 64, UDPLen+n)
		copy(b[42:], "an odd or even number of bytes of payload")
		datagram := UDP(b[34:])
		datagram.Init(9999, 40000, n) // no protocol that gopacket would decode
		datagram.UpdateChecksum(testVIP4, testClient4)
		wantSame(t, b)
		if datagram.Length() != UDPLen+n || datagram.SrcPort() != 9999 || datagram.DstPort() != 40000 {
			t.Errorf("datagram %x", datagram)
		}
	}
}

// TestUDPChecksumNeverZero finds the datagram whose checksum comes to 0, which
// must be sent as 0xffff.
func TestUDPChecksumNeverZero(t *testing.T) {
	b := UDP(make([]byte, UDPLen+2))
	b.Init(1, 2, 2)
	b.UpdateChecksum(testVIP4, testClient4)
	binary.BigEndian.PutUint16(b[UDPLen:], b.Checksum())
	b.UpdateChecksum(testVIP4, testClient4)
	if b.Checksum() != 0xffff {
		t.Errorf("checksum %#x, want 0xffff", b.Checksum())
	}
}

func TestBuildICMPError(t *testing.T) {
	quote := quote4(6, 0, 8)
	b := newFrame(EtherTypeIPv4, IPv4Len+ICMPLen+len(quote))
	IPv4(b[14:]).Init(testVIP4, testClient4, ProtocolICMP, 64, ICMPLen+len(quote))
	m := ICMP(b[34:])
	m.Init(ICMPDestUnreachable, ICMPCodeFragNeeded)
	m.SetMTU(1400)
	copy(m.Payload(), quote)
	m.UpdateChecksum()
	wantSame(t, b)
	l := decode(t, b).Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if l.TypeCode != layers.CreateICMPv4TypeCode(3, 4) || l.Seq != 1400 || m.MTU() != 1400 {
		t.Errorf("gopacket reads %+v", l)
	}
	var p Packet
	if bad := Parse(b, &p); bad != OK || p.Quoted != testQuoted4 || !m.IsError() {
		t.Errorf("Parse: %v, quoted %v", bad, p.Quoted)
	}

	quote = quote6(6, rawTCP(0, 0))
	b = newFrame(EtherTypeIPv6, IPv6Len+ICMPLen+len(quote))
	IPv6(b[14:]).Init(testVIP6, testClient6, ProtocolICMPv6, 64, ICMPLen+len(quote))
	m6 := ICMPv6(b[54:])
	m6.Init(ICMPv6PacketTooBig, 0)
	m6.SetMTU(1280)
	copy(m6.Payload(), quote)
	m6.UpdateChecksum(testVIP6, testClient6)
	wantSame(t, b)
	if m6.MTU() != 1280 || !m6.IsError() || !m6.ChecksumValid(testVIP6, testClient6) {
		t.Errorf("message %x", m6)
	}
}

func TestEchoReply(t *testing.T) {
	b := newFrame(EtherTypeIPv4, IPv4Len+ICMPLen+5)
	IPv4(b[14:]).Init(testVIP4, testClient4, ProtocolICMP, 64, ICMPLen+5)
	m := ICMP(b[34:])
	m.Init(ICMPEchoRequest, 0)
	copy(m[icmpID:], []byte{1, 2, 3, 4, 'h', 'e', 'l', 'l', 'o'})
	m.UpdateChecksum()
	m.SetType(ICMPEchoReply)
	wantSame(t, b)
	if m.Type() != ICMPEchoReply || m.ID() != 0x102 || m.Seq() != 0x304 || m.IsError() {
		t.Errorf("reply %x", m)
	}

	b = newFrame(EtherTypeIPv6, IPv6Len+ICMPLen)
	IPv6(b[14:]).Init(testVIP6, testClient6, ProtocolICMPv6, 64, ICMPLen)
	m6 := ICMPv6(b[54:])
	m6.Init(ICMPv6EchoRequest, 0)
	m6.UpdateChecksum(testClient6, testVIP6)
	m6.SetType(ICMPv6EchoReply)
	if !m6.ChecksumValid(testVIP6, testClient6) || m6.ID() != 0 || m6.Seq() != 0 || m6.IsError() {
		t.Errorf("reply %x", m6)
	}
}

func TestSCTP(t *testing.T) {
	b := build(t, eth(layers.EthernetTypeIPv4), ip4(132),
		&layers.SCTP{SrcPort: 7, DstPort: 8, VerificationTag: 9},
		&layers.SCTPCookieEcho{SCTPChunk: layers.SCTPChunk{Type: layers.SCTPChunkTypeCookieEcho}, Cookie: []byte("odd")},
		&layers.SCTPShutdownAck{SCTPChunk: layers.SCTPChunk{Type: layers.SCTPChunkTypeShutdownAck}})
	var p Packet
	if bad := Parse(b, &p); bad != OK {
		t.Fatal(bad)
	}
	s := SCTP(b[p.Transport:p.End])
	want := s.Checksum()
	s.UpdateChecksum()
	if s.SrcPort() != 7 || s.DstPort() != 8 || s.VerificationTag() != 9 || s.Checksum() != want {
		t.Errorf("ports %d %d, tag %d, checksum %#x, want %#x", s.SrcPort(), s.DstPort(), s.VerificationTag(), s.Checksum(), want)
	}
	var chunks []uint8
	for typ, next, ok := s.Chunk(SCTPLen); ok; typ, next, ok = s.Chunk(next) {
		chunks = append(chunks, typ)
	}
	if !bytes.Equal(chunks, []byte{SCTPCookieEcho, SCTPShutdownAck}) {
		t.Errorf("chunks %v", chunks)
	}
	if _, _, ok := SCTP(make([]byte, 16)).Chunk(SCTPLen); ok {
		t.Error("a chunk of length 0 was found")
	}
}

// TestSCTPStateChunk has the bundles that IPVS tells apart, chunk by chunk:
// type, length field, bytes that are there.
func TestSCTPStateChunk(t *testing.T) {
	type chunk struct {
		typ    uint8
		length uint16
		bytes  int
	}
	cookie := chunk{SCTPCookieEcho, 7, 8} // padded to 8
	abort := chunk{SCTPAbort, 4, 4}
	for _, tt := range []struct {
		name         string
		chunks       []chunk
		first, state uint8
		none         bool
	}{
		{name: "common header alone", none: true},
		{name: "three bytes of a chunk", chunks: []chunk{{SCTPInit, 20, 3}}, none: true},
		{name: "chunk header alone", chunks: []chunk{{SCTPInit, 20, 4}}, first: SCTPInit, state: SCTPInit},
		{name: "length 0", chunks: []chunk{{SCTPInit, 0, 4}}, first: SCTPInit, state: SCTPInit},
		{name: "type without a meaning", chunks: []chunk{{0xc1, 4, 4}}, first: 0xc1, state: 0xc1},
		{name: "cookie echo, data", chunks: []chunk{cookie, {SCTPData, 20, 20}}, first: SCTPCookieEcho, state: SCTPCookieEcho},
		{name: "cookie echo, abort", chunks: []chunk{cookie, abort}, first: SCTPCookieEcho, state: SCTPAbort},
		{name: "cookie ack, abort", chunks: []chunk{{SCTPCookieAck, 4, 4}, abort}, first: SCTPCookieAck, state: SCTPAbort},
		{name: "abort of length 0", chunks: []chunk{cookie, {SCTPAbort, 0, 4}}, first: SCTPCookieEcho, state: SCTPAbort},
		{name: "abort cut", chunks: []chunk{cookie, {SCTPAbort, 4, 3}}, first: SCTPCookieEcho, state: SCTPCookieEcho},
		{name: "cookie echo of length 3", chunks: []chunk{{SCTPCookieEcho, 3, 4}, abort}, first: SCTPCookieEcho, state: SCTPCookieEcho},
		{name: "cookie echo beyond the packet", chunks: []chunk{{SCTPCookieEcho, 0xffff, 4}, abort}, first: SCTPCookieEcho, state: SCTPCookieEcho},
		{name: "abort third", chunks: []chunk{cookie, {SCTPData, 20, 20}, abort}, first: SCTPCookieEcho, state: SCTPCookieEcho},
		{name: "shutdown, abort", chunks: []chunk{{SCTPShutdown, 8, 8}, abort}, first: SCTPShutdown, state: SCTPShutdown},
		{name: "abort first", chunks: []chunk{abort, cookie}, first: SCTPAbort, state: SCTPAbort},
	} {
		b := make([]byte, SCTPLen)
		for _, c := range tt.chunks {
			header := []byte{c.typ, 0, byte(c.length >> 8), byte(c.length)}
			b = append(b, append(header, make([]byte, 64)...)[:c.bytes]...)
		}
		first, ok := SCTP(b).FirstChunk()
		state, okState := SCTP(b).StateChunk()
		if first != tt.first || state != tt.state || ok == tt.none || okState == tt.none {
			t.Errorf("%s: first chunk %d, %v, for the state %d, %v; want %d and %d", tt.name, first, ok, state, okState, tt.first, tt.state)
		}
	}
}

// TestSCTPShort: every length and every content of two chunk headers is safe,
// and what is behind the packet's end decides nothing.
func TestSCTPShort(t *testing.T) {
	b := make([]byte, SCTPLen+12)
	for typ := range 256 {
		for length := range 12 {
			clear(b)
			b[SCTPLen], b[SCTPLen+3], b[SCTPLen+4], b[SCTPLen+8] = byte(typ), byte(length), SCTPAbort, SCTPAbort
			for n := range len(b) + 1 {
				first, ok := SCTP(b[:n]).FirstChunk()
				state, okState := SCTP(b[:n]).StateChunk()
				cookie := typ == int(SCTPCookieEcho) || typ == int(SCTPCookieAck)
				behind := cookie && (length == 4 && n >= 20 || length > 4 && length <= 8 && n >= 24)
				want := byte(typ)
				if behind {
					want = SCTPAbort
				}
				if ok != (n >= 16) || okState != ok || ok && (first != byte(typ) || state != want) {
					t.Fatalf("%d bytes, type %d, length %d: first chunk %d, %v, for the state %d, %v", n, typ, length, first, ok, state, okState)
				}
			}
		}
	}
}

func TestARP(t *testing.T) {
	b := newFrame(EtherTypeARP, ARPLen)
	a := ARP(b[14:])
	a.Init(ARPReply, testVIPMAC, testVIP4, testClientMAC, testClient4)
	l := decode(t, b).Layer(layers.LayerTypeARP).(*layers.ARP)
	if MAC(l.SourceHwAddress) != a.SenderMAC() || MAC(l.DstHwAddress) != a.TargetMAC() ||
		refAddr(l.SourceProtAddress) != a.SenderIP() || refAddr(l.DstProtAddress) != a.TargetIP() ||
		l.Operation != a.Operation() || a.SenderIP() != testVIP4 || a.TargetMAC() != testClientMAC || !a.Valid() {
		t.Errorf("gopacket reads %+v", l)
	}
	for i, c := range []struct {
		offset int
		v      byte
	}{{1, 6}, {3, 1}, {4, 8}, {5, 16}} {
		other := ARP(bytes.Clone(a))
		other[c.offset] = c.v
		if other.Valid() {
			t.Errorf("case %d: valid", i)
		}
	}
	if a[:ARPLen-1].Valid() {
		t.Error("a packet of 27 bytes is valid")
	}
}

func TestIPHeaders(t *testing.T) {
	h := IPv4(make([]byte, IPv4Len))
	h.Init(testVIP4, testClient4, ProtocolUDP, 64, 100)
	h.SetTOS(0xb8)
	h.SetTotalLen(200)
	h.SetSrc(testClient4)
	h.SetDst(testVIP4)
	h.UpdateChecksum()
	if h.TOS() != 0xb8 || h.TotalLen() != 200 || h.Src() != testClient4 || h.Dst() != testVIP4 ||
		h.Protocol() != ProtocolUDP || h.ID() != 0 || !h.DontFragment() || h.IsFragment() || !h.ChecksumValid() {
		t.Errorf("header %x", h)
	}
	h.SetFragment(1480, true)
	if !h.DontFragment() || !h.MoreFragments() || h.FragmentOffset() != 1480 {
		t.Errorf("header %x", h)
	}
	h.ClearDontFragment()
	h.SetID(0xbeef)
	if h.DontFragment() || !h.MoreFragments() || h.FragmentOffset() != 1480 || h.ID() != 0xbeef {
		t.Errorf("header %x", h)
	}
	h[6] = 0xa0 // reserved flag and MF
	h.SetFragment(65528, false)
	h.SetHeaderLen(60)
	if h.DontFragment() || h.MoreFragments() || h.FragmentOffset() != 65528 || h[6]&0x80 == 0 ||
		h.HeaderLen() != 60 || h.Version() != 4 {
		t.Errorf("header %x", h)
	}
	six := IPv6(make([]byte, IPv6Len))
	binary.BigEndian.PutUint32(six, 6<<28|0xb8<<20|0x12345)
	if six.Version() != 6 || six.TrafficClass() != 0xb8 || six.FlowLabel() != 0x12345 {
		t.Errorf("version %d, class %#x, label %#x", six.Version(), six.TrafficClass(), six.FlowLabel())
	}
}

func TestTCPFlagString(t *testing.T) {
	for flags, want := range map[uint8]string{
		0: ".", TCPSyn: "S", TCPSyn | TCPAck: "SA", TCPRst: "R", TCPFin | TCPPsh | TCPAck: "FPA", 0xff: "FSRPAUEC",
	} {
		if got := TCPFlagString(flags); got != want {
			t.Errorf("TCPFlagString(%#x) = %q, want %q", flags, got, want)
		}
	}
}

func TestKeyString(t *testing.T) {
	for want, k := range map[string]Key{
		"TCP 198.51.100.7:40000 > 192.0.2.10:80":      testKey4,
		"TCP [2001:db8::7]:40000 > [2001:db8::10]:80": testKey6,
		"47 198.51.100.7:0 > 192.0.2.10:0":            withPorts(testKey4, 47, 0, 0),
	} {
		if got := k.String(); got != want {
			t.Errorf("Key.String() = %q, want %q", got, want)
		}
	}
}

func FuzzViews(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		var p Packet
		if Parse(b, &p) != OK {
			return
		}
		body := b[p.Network:p.End]
		if p.EtherType == EtherTypeARP && ARP(body).Valid() {
			a, again := ARP(body), ARP(make([]byte, ARPLen))
			again.Init(a.Operation(), a.SenderMAC(), a.SenderIP(), a.TargetMAC(), a.TargetIP())
			if !bytes.Equal(a[:ARPLen], again) {
				t.Fatalf("ARP %x became %x", a, again)
			}
		}
		if p.Has(IsIPv4) {
			if h := IPv4(body); !h.DecrementTTL() && h.TTL() > 1 || !h.ChecksumValid() || h.TotalLen() != len(body) {
				t.Fatalf("header %x", h)
			}
		}
		if p.Flags&IsIP == 0 || p.Flags&(IsFragment|IsFirst) == IsFragment {
			return
		}
		checkTransport(t, b[p.Transport:p.End], &p)
	})
}

// checkTransport reads every field of the transport header that p names.
func checkTransport(t *testing.T, b []byte, p *Packet) {
	switch {
	case p.Key.Protocol == ProtocolTCP:
		if s := TCP(b); s.SrcPort() != p.Key.SrcPort || s.Flags() != p.TCPFlags || s.HeaderLen() > len(s) {
			t.Fatalf("TCP %x: %+v", b, p)
		}
	case p.Key.Protocol == ProtocolUDP:
		if u := UDP(b); u.DstPort() != p.Key.DstPort || u.Length() < UDPLen {
			t.Fatalf("UDP %x: %+v", b, p)
		}
	case p.Key.Protocol == ProtocolSCTP:
		s := SCTP(b)
		if first, ok := s.FirstChunk(); ok != (len(b) >= SCTPLen+4) || ok && first != b[SCTPLen] {
			t.Fatalf("SCTP %x: first chunk %d, %v", b, first, ok)
		}
		s.StateChunk()
		for _, next, ok := s.Chunk(SCTPLen); ok; {
			at := next
			if _, next, ok = s.Chunk(next); ok && next <= at {
				t.Fatalf("SCTP %x: chunk at %d leads to %d", b, at, next)
			}
		}
	case p.Key.Protocol == ProtocolICMPv6 && p.Has(IsIPv6):
		if n := NDP(b); n.Valid(p.Key.Src, p.Key.Dst, p.TTL) {
			n.LinkLayer(NDPSourceLinkLayer)
			n.LinkLayer(NDPTargetLinkLayer)
		}
	}
}
