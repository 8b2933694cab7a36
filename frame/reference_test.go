package frame

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// reference is what gopacket finds: the flow of a frame whose IP packet has
// ports, and whether there is one. It decodes tags, IP, extension headers and
// transport, and stops at a fragment.
func reference(b []byte) (k Key, truncated, ok bool) {
	packet := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.NoCopy)
	truncated = packet.Metadata().Truncated
	haveIP := false
	parts := packet.Layers()
	for i, l := range parts {
		if i+1 < len(parts) && parts[i+1].LayerType() == gopacket.LayerTypeDecodeFailure {
			return k, truncated, false // a layer that fails stands in front of its failure
		}
		switch l := l.(type) {
		case *layers.Ethernet, *layers.Dot1Q:
		case *layers.IPv4:
			if haveIP {
				return k, truncated, false
			}
			k.Src, k.Dst, haveIP = refAddr(l.SrcIP), refAddr(l.DstIP), true
		case *layers.IPv6:
			if haveIP {
				return k, truncated, false
			}
			k.Src, k.Dst, haveIP = refAddr(l.SrcIP), refAddr(l.DstIP), true
		case *layers.IPv6HopByHop, *layers.IPv6Routing, *layers.IPv6Destination:
		case *layers.IPSecAH:
			if k.Src.Is4() { // not looked behind
				return k, truncated, false
			}
		case *layers.TCP:
			k.SrcPort, k.DstPort, k.Protocol = uint16(l.SrcPort), uint16(l.DstPort), ProtocolTCP
			return k, truncated, haveIP
		case *layers.UDP:
			k.SrcPort, k.DstPort, k.Protocol = uint16(l.SrcPort), uint16(l.DstPort), ProtocolUDP
			return k, truncated, haveIP
		case *layers.SCTP:
			k.SrcPort, k.DstPort, k.Protocol = uint16(l.SrcPort), uint16(l.DstPort), ProtocolSCTP
			return k, truncated, haveIP
		default:
			return k, truncated, false
		}
	}
	return k, truncated, false
}

func refAddr(ip []byte) Addr {
	a, _ := netip.AddrFromSlice(ip)
	return AddrFrom(a)
}

// stricter are the kinds of which gopacket makes nothing.
var stricter = map[Malformed]bool{
	BadChecksum: true, MartianSource: true, MappedAddress: true, SourceIsDestination: true,
	BadUDPLength: true, BadExtensionOrder: true, TooManyExtensions: true, Jumbogram: true,
	BadVersion: true, LengthBelowHeader: true, // total length 0, which gopacket takes for offloaded
}

// dirty is what a Packet may hold before Parse.
var dirty = Packet{
	Key:    Key{Addr{1, 2}, Addr{3, 4}, 5, 6, 7},
	Quoted: Key{Addr{1, 2}, Addr{3, 4}, 5, 6, 7}, Network: 8, Transport: 9, End: 1 << 20,
	EtherType: 10, Flags: 0xffff, TCPFlags: 11, ICMPType: 12, ICMPCode: 13, TTL: 14,
	FragmentID: 15, FragmentOffset: 16, FragmentLen: 17,
}

// checkFast compares the fast path with its twin.
func checkFast(t *testing.T, b []byte) (Packet, Malformed) {
	t.Helper()
	p, slow := dirty, dirty
	bad, slowBad := Parse(b, &p), parseSlow(b, &slow)
	if bad != slowBad || p != slow {
		t.Fatalf("%x\nfast %v %+v\nslow %v %+v", b, bad, p, slowBad, slow)
	}
	return p, bad
}

// checkBounds shows that Parse reads nothing behind End: the frame cut there,
// and the frame with all behind it inverted, parse to the same.
func checkBounds(t *testing.T, b []byte, p Packet) {
	t.Helper()
	if p.Network > p.End || p.End > len(b) || p.Has(IsIPv4|IsIPv6) {
		t.Fatalf("%x\n%d bytes parse to %+v", b, len(b), p)
	}
	if p.Flags&IsIP != 0 && (p.Transport < p.Network || p.Transport > p.End) {
		t.Fatalf("%x\ntransport outside: %+v", b, p)
	}
	poisoned := bytes.Clone(b)
	for i := range poisoned[p.End:] {
		poisoned[p.End+i] ^= 0xff
	}
	for _, other := range [][]byte{b[:p.End:p.End], poisoned} {
		q := dirty
		if bad := Parse(other, &q); bad != OK || q != p {
			t.Fatalf("%x\nparses to    %+v\nbut %x\nparses to %v %+v", b, p, other, bad, q)
		}
	}
}

// checkReference compares with gopacket.
func checkReference(t *testing.T, b []byte, p Packet, bad Malformed) {
	t.Helper()
	want, truncated, ok := reference(b)
	switch {
	case bad != OK && ok && !truncated && !stricter[bad]:
		t.Fatalf("%x\n%v, but gopacket reads %v", b, bad, want)
	case bad != OK || p.Flags&IsIP == 0:
	case ok && (!p.Has(HasPorts) || p.Key != want):
		t.Fatalf("%x\nparses to %v %b, gopacket reads %v", b, p.Key, p.Flags, want)
	}
}

func checkParse(t *testing.T, b []byte) {
	t.Helper()
	p, bad := checkFast(t, b)
	if bad == OK {
		checkBounds(t, b, p)
	}
	checkReference(t, b, p, bad)
}

// seeds are all frames of the table tests that are not huge.
func seeds(tb testing.TB) [][]byte {
	var all [][]byte
	for _, c := range goodCases(tb) {
		all = append(all, c.frame)
	}
	for _, c := range badCases(tb) {
		all = append(all, c.frame)
	}
	small := all[:0]
	for _, f := range all {
		if len(f) < 4096 {
			small = append(small, f)
		}
	}
	return small
}

// mutate changes a few bytes of the headers, sometimes the length, and mostly
// mends the IPv4 checksum so that the change is looked at.
func mutate(r *rand.Rand, seed []byte) []byte {
	b := bytes.Clone(seed)
	for range r.IntN(4) {
		if len(b) == 0 {
			return b
		}
		at := r.IntN(min(len(b), 80))
		switch r.IntN(3) {
		case 0:
			b[at] = byte(r.Uint32())
		case 1:
			b[at] ^= 1 << r.IntN(8)
		case 2:
			b[at] += byte(r.IntN(9) - 4)
		}
	}
	if r.IntN(4) == 0 {
		b = b[:r.IntN(len(b)+1)]
	}
	if r.IntN(8) == 0 {
		b = append(b, make([]byte, r.IntN(20))...)
	}
	mendIPv4(r.IntN(8) != 0, b)
	return b
}

func mendIPv4(mend bool, b []byte) {
	if !mend || len(b) < EthernetLen+IPv4Len || Ethernet(b).EtherType() != EtherTypeIPv4 {
		return
	}
	if h := IPv4(b[EthernetLen:]); h.HeaderLen() >= IPv4Len && h.HeaderLen() <= len(h) {
		h.UpdateChecksum()
	}
}

func TestParseTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := seeds(t)
	kinds := map[Malformed]int{}
	for i := range 200_000 {
		b := mutate(r, all[r.IntN(len(all))])
		_, bad := checkFast(t, b)
		kinds[bad]++
		if i%10 == 0 {
			checkParse(t, b)
		}
	}
	if kinds[OK] < 20_000 || len(kinds) < MalformedCount/2 {
		t.Errorf("the inputs are one-sided: %v", kinds)
	}
}

// TestParseFastTaken shows that the fast path takes what it is for: a twin test
// would hold for one that takes nothing.
func TestParseFastTaken(t *testing.T) {
	for _, c := range goodCases(t) {
		var p Packet
		want := c.want.EtherType == EtherTypeIPv4 && c.want.Network == 14 && c.want.Transport == 34 &&
			c.want.Has(HasPorts) && !c.want.Has(IsFragment) && c.want.Key.Protocol != ProtocolSCTP &&
			c.name != "dhcp discover"
		if got := parseFast(c.frame, &p); got != want {
			t.Errorf("%s: fast path taken: %v, want %v", c.name, got, want)
		}
	}
}

// TestParseChecksum counts the IPv4 checksum through all its values: exactly one
// of them is right, or two where 0 and 0xffff are the same.
func TestParseChecksum(t *testing.T) {
	f := frame4(t, ip4(6), rawTCP(TCPSyn, 0))
	for id := range 300 {
		binary.BigEndian.PutUint16(f[18:], uint16(id*251))
		h := IPv4(f[14:])
		h.UpdateChecksum()
		right := h.Checksum()
		for v := range 1 << 16 {
			if id > 2 && v > 10 && v < 1<<16-10 && v != int(right) {
				continue
			}
			h.SetChecksum(uint16(v))
			var p Packet
			want := uint16(v) == right || right == 0 && v == 0xffff
			if got := Parse(f, &p) == OK; got != want {
				t.Fatalf("checksum %#x, right is %#x: OK %v", v, right, got)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		b = bytes.Clone(b)
		mendIPv4(mend, b)
		checkParse(t, b)
	})
}
