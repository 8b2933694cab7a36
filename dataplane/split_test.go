package dataplane

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
)

// split cuts a packet as a worker does, into buffers of just the right size.
func split(t testing.TB, packet []byte, mtu int) (pieces [][]byte) {
	t.Helper()
	for from, more := 0, true; more; more = from > 0 {
		dst := bytes.Repeat([]byte{0xee}, mtu)
		n, next := splitIPv4(dst, packet, mtu, from)
		if n == 0 || next != 0 && next <= from {
			t.Fatalf("piece of %d bytes from %d, the next from %d", n, from, next)
		}
		pieces, from = append(pieces, dst[:n]), next
	}
	return pieces
}

// randomIPv4 is an IPv4 packet of random length with random options, maybe a
// fragment.
func randomIPv4(t testing.TB, r *rand.Rand) []byte {
	t.Helper()
	h := &layers.IPv4{
		Version: 4, TOS: uint8(r.Uint32()), Id: uint16(r.Uint32()), TTL: uint8(r.Uint32()),
		Protocol: layers.IPProtocol(r.Uint32()), SrcIP: []byte{198, 51, 100, 7}, DstIP: []byte{192, 0, 2, 10},
	}
	if r.IntN(3) == 0 {
		h.Flags |= layers.IPv4EvilBit
	}
	if r.IntN(3) == 0 {
		h.Flags |= layers.IPv4MoreFragments
	}
	if r.IntN(3) == 0 {
		h.FragOffset = uint16(r.IntN(6000))
	}
	for size := r.IntN(41); size > 0; {
		o := layers.IPv4Option{OptionType: uint8(r.Uint32())}
		if o.OptionType > 1 {
			o.OptionLength = uint8(3 + r.IntN(10)) // gopacket wants at least 3
			o.OptionData = make([]byte, o.OptionLength-2)
		} else {
			o.OptionType, o.OptionLength = 1, 1
		}
		for i := range o.OptionData {
			o.OptionData[i] = byte(r.Uint32())
		}
		if size -= int(o.OptionLength); size >= 0 {
			h.Options = append(h.Options, o)
		}
	}
	payload := make([]byte, r.IntN(4000))
	for i := range payload {
		payload[i] = byte(r.Uint32())
	}
	return serialize(t, h, gopacket.Payload(payload))
}

func decode4(t testing.TB, b []byte) *layers.IPv4 {
	t.Helper()
	h := new(layers.IPv4)
	if err := h.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		t.Fatalf("%x: %v", b, err)
	}
	return h
}

// copiedOptions are those that a later fragment has.
func copiedOptions(all []layers.IPv4Option) (copied []layers.IPv4Option) {
	for _, o := range all {
		if o.OptionType&0x80 != 0 {
			copied = append(copied, o)
		}
	}
	return copied
}

// withoutEnd leaves out what only fills the header up.
func withoutEnd(options []layers.IPv4Option) (o []layers.IPv4Option) {
	return append(o, slices.DeleteFunc(slices.Clone(options), func(o layers.IPv4Option) bool { return o.OptionType == 0 })...)
}

// TestSplit puts together what was cut.
func TestSplit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rounds, cut := 3000, 0
	for range rounds {
		packet := randomIPv4(t, r)
		mtu := minMTU + r.IntN(1500)
		pieces := split(t, packet, mtu)
		checkPieces(t, packet, pieces, mtu)
		if len(pieces) > 1 {
			cut++
		}
	}
	if cut < rounds/2 {
		t.Errorf("only %d of %d packets were cut", cut, rounds)
	}
}

func checkPieces(t *testing.T, packet []byte, pieces [][]byte, mtu int) {
	t.Helper()
	whole := decode4(t, packet)
	var payload []byte
	for i, b := range pieces {
		h := decode4(t, b)
		last := i == len(pieces)-1
		options := withoutEnd(whole.Options)
		if i > 0 {
			options = withoutEnd(copiedOptions(whole.Options))
		}
		if diff := cmp.Diff(options, withoutEnd(h.Options)); diff != "" {
			t.Errorf("piece %d: options (-want +got):\n%s", i, diff)
		}
		want := *whole
		want.IHL, want.Length, want.Checksum = h.IHL, uint16(len(b)), h.Checksum
		want.FragOffset += uint16(len(payload) / 8)
		if !last {
			want.Flags |= layers.IPv4MoreFragments
		}
		got := *h
		for _, h := range []*layers.IPv4{&want, &got} {
			h.Options, h.Padding, h.BaseLayer = nil, nil, layers.BaseLayer{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("piece %d (-want +got):\n%s", i, diff)
		}
		size, room := len(h.Payload), mtu-int(h.IHL)*4
		if len(b) > mtu || !last && size != room-room%8 || !frame.IPv4(b).ChecksumValid() {
			t.Errorf("piece %d: %d bytes, MTU %d: %x", i, len(b), mtu, b)
		}
		payload = append(payload, h.Payload...)
	}
	if !bytes.Equal(payload, whole.Payload) {
		t.Errorf("%d bytes became %d other ones", len(whole.Payload), len(payload))
	}
}

// TestSplitOptions: a record of the route stays with the first piece, a source
// route goes with all; and what is wrong ends the options.
func TestSplitOptions(t *testing.T) {
	record, source := []byte{7, 7, 4, 0, 0, 0, 0}, []byte{131, 7, 4, 192, 0, 2, 1}
	for name, c := range map[string]struct {
		options, later []byte
	}{
		"none":              {nil, nil},
		"not to be copied":  {append(record, 0), nil},
		"to be copied":      {append(source, 0), append(source, 0)},
		"both":              {slices.Concat(record, source, []byte{0, 0}), append(source, 0)},
		"behind no-op":      {append([]byte{1}, source...), append(source, 0)},
		"behind the end":    {append([]byte{0}, source...), nil},
		"length 0":          {slices.Concat(source, []byte{131, 0, 1, 1, 1}), append(source, 0)},
		"length 1":          {slices.Concat(source, []byte{131, 1, 1, 1, 1}), append(source, 0)},
		"beyond the header": {slices.Concat(source, []byte{131, 6, 1, 1, 1}), append(source, 0)},
		"without a length":  {slices.Concat(source, []byte{131}), append(source, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			packet := make([]byte, frame.IPv4Len, 200)
			frame.IPv4(packet).Init(frame.AddrFrom4(1<<24), frame.AddrFrom4(2<<24), 17, 64, len(c.options)+100)
			packet[6] = 0
			packet = append(append(packet, c.options...), make([]byte, 100)...)
			h := frame.IPv4(packet)
			h.SetHeaderLen(frame.IPv4Len + len(c.options))
			pieces := split(t, packet, 76)
			for i, b := range pieces {
				want := c.later
				if i == 0 {
					want = c.options
				}
				if got := b[frame.IPv4Len:frame.IPv4(b).HeaderLen()]; !bytes.Equal(got, want) {
					t.Errorf("piece %d has options % x, want % x", i, got, want)
				}
			}
			if len(pieces) < 2 {
				t.Errorf("%d pieces", len(pieces))
			}
		})
	}
}

// TestSplitAsRecorded: the kernel cuts a datagram without DF in the same way.
func TestSplitAsRecorded(t *testing.T) {
	text, err := os.ReadFile("testdata/behave-fragments.json")
	if err != nil {
		t.Fatal(err)
	}
	type piece struct {
		At             string
		Len, TTL, ID   int
		Frag, Src, Dst string
	}
	var r struct {
		Scenarios []struct {
			Name  string
			Steps []struct {
				Op, IP string
				Got    []piece
			}
		}
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Scenarios {
		if s.Name != "mtu-udp-nodf" {
			continue
		}
		for _, step := range s.Steps {
			if step.Op != "pkt" {
				continue
			}
			packet, err := hex.DecodeString(step.IP)
			if err != nil {
				t.Fatal(err)
			}
			frame.IPv4(packet).DecrementTTL() // as the kernel does
			var got []piece
			for _, b := range split(t, packet, 1000) {
				h := frame.IPv4(b)
				p := piece{"rs2", h.TotalLen(), int(h.TTL()), int(h.ID()), "", h.Src().String(), h.Dst().String()}
				var words []string
				if h.MoreFragments() {
					words = append(words, "MF")
				}
				if n := h.FragmentOffset(); n > 0 {
					words = append(words, fmt.Sprint("off=", n))
				}
				p.Frag = strings.Join(words, ",")
				got = append(got, p)
			}
			if diff := cmp.Diff(step.Got, got); diff != "" {
				t.Errorf("pieces (-kernel +ours):\n%s", diff)
			}
			return
		}
	}
	t.Error("the scenario is missing")
}

func TestSplitNeedsRoom(t *testing.T) {
	packet := udp(client4).ip(t)
	if n, next := splitIPv4(nil, packet, minMTU-1, 0); n != 0 || next != 0 {
		t.Errorf("MTU %d: %d bytes, the next from %d", minMTU-1, n, next)
	}
}

// partial makes f's checksum as a host leaves it to its card.
func partial(f *link.Frame, p *frame.Packet, offset int) {
	at := p.Transport + offset
	sum := frame.PseudoSum(p.Key.Src, p.Key.Dst, p.Key.Protocol, p.End-p.Transport)
	binary.BigEndian.PutUint16(f.Data()[at:], sum)
	v := f.VNet()
	v[0] = link.VNetNeedsChecksum
	binary.NativeEndian.PutUint16(v[6:], uint16(p.Transport))
	binary.NativeEndian.PutUint16(v[8:], uint16(offset))
}

func TestCompleteChecksum(t *testing.T) {
	long := udp(client4)
	long.payload = 1401
	association := make([]byte, frame.SCTPLen+4)
	association[1], association[3] = 1, 80
	frame.SCTP(association).UpdateChecksum()
	sctp := serialize(t,
		&layers.Ethernet{SrcMAC: clientMAC[:], DstMAC: vipMAC[:], EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: 132, SrcIP: []byte{198, 51, 100, 7}, DstIP: []byte{192, 0, 2, 10}},
		gopacket.Payload(association))
	for name, c := range map[string]struct {
		data   []byte
		offset int
	}{
		"udp":        {long.bytes(t), 6},
		"udp padded": {append(udp(client4).bytes(t), 1, 2, 3), 6},
		"udp6":       {udp(client6).bytes(t), 6},
		"tcp":        {tcp(client4, ack).bytes(t), 16},
		"tagged tcp": {tagged(tcp(client4, ack).bytes(t), 0x81000007), 16},
		"sctp":       {sctp, 8},
	} {
		t.Run(name, func(t *testing.T) {
			sent := memlink.Packet{Data: bytes.Clone(c.data)}
			f := sent.Frame()
			var p frame.Packet
			if m := frame.Parse(f.Data(), &p); m != frame.OK {
				t.Fatal(m)
			}
			completeChecksum(&f, &p)
			if !bytes.Equal(f.Data(), c.data) {
				t.Error("a complete checksum was changed")
			}
			partial(&f, &p, c.offset)
			if bytes.Equal(f.Data(), c.data) {
				t.Fatal("the checksum is still complete")
			}
			completeChecksum(&f, &p)
			if !bytes.Equal(f.Data(), c.data) {
				t.Errorf("got\n% x, want\n% x", f.Data(), c.data)
			}
			if !bytes.Equal(f.VNet(), make([]byte, link.VNetHeaderLen)) {
				t.Errorf("vnet header % x", f.VNet())
			}
		})
	}
}

func TestSplitDoesNotAllocate(t *testing.T) {
	p := udp(client4)
	p.payload = 4000
	packet, dst := p.ip(t), make([]byte, 1500)
	if n := testing.AllocsPerRun(100, func() {
		for from, more := 0, true; more; more = from > 0 {
			_, from = splitIPv4(dst, packet, len(dst), from)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzSplit: whatever the header says that parses.
func FuzzSplit(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(randomIPv4(f, r), uint16(r.IntN(1500)))
	}
	f.Fuzz(func(t *testing.T, packet []byte, mtu uint16) {
		h := frame.IPv4(packet)
		if len(packet) < frame.IPv4Len || h.HeaderLen() < frame.IPv4Len || h.HeaderLen() > h.TotalLen() || h.TotalLen() > len(packet) || mtu < minMTU {
			return
		}
		var payload []byte
		for _, b := range split(t, packet, int(mtu)) {
			piece := frame.IPv4(b)
			if len(b) > int(mtu) || piece.TotalLen() != len(b) || !piece.ChecksumValid() {
				t.Fatalf("MTU %d: %x", mtu, b)
			}
			payload = append(payload, b[piece.HeaderLen():]...)
		}
		if want := packet[h.HeaderLen():h.TotalLen()]; !bytes.Equal(payload, want) {
			t.Fatalf("payload %x became %x", want, payload)
		}
	})
}

// BenchmarkSplit cuts a packet of 4028 bytes into three.
func BenchmarkSplit(b *testing.B) {
	p := udp(client4)
	p.payload = 4000
	packet, dst := p.ip(b), make([]byte, 1500)
	b.ReportAllocs()
	for b.Loop() {
		for from, more := 0, true; more; more = from > 0 {
			_, from = splitIPv4(dst, packet, len(dst), from)
		}
	}
}
