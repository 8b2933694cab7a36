package fragment

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"lvsdr/dataplane/link"
	"lvsdr/frame"
)

// recording is one of the files of ../testdata: see the README there.
type recording struct {
	Scenarios []struct {
		Name  string
		Steps []struct {
			Op, IP string
			Got    []recordedFrame
		}
	}
}

// recordedFrame is an IPv4 packet without options that left the kernel.
type recordedFrame struct {
	At, Frag string
	Len      int
}

// piece returns the bytes of its datagram that the packet carries.
func (f recordedFrame) piece() Piece {
	var start int
	for _, word := range strings.Fields(f.Frag) {
		fmt.Sscanf(word, "off=%d", &start)
	}
	return Piece{uint16(start), uint16(start + f.Len - frame.IPv4Len), strings.Contains(f.Frag, "MF")}
}

// differently are the scenarios in which the real server gets something else
// than from the kernel, and why.
var differently = map[string]string{
	"tiny-first": "tiny fragments are dropped",
}

// TestServersGetEveryByte plays the recordings of the kernel, which puts
// datagrams together and cuts them again. Every fragment that passes here is the
// one that was sent; what the real server makes of them is the datagram that it
// got from the kernel.
func TestServersGetEveryByte(t *testing.T) {
	played := 0
	for _, file := range []string{"behave-fragments", "behave-icmp", "alt-6.12"} {
		text, err := os.ReadFile("../testdata/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, s := range r.Scenarios {
			var packets [][]byte
			var got []Piece
			for _, step := range s.Steps {
				b, err := hex.DecodeString(step.IP)
				if err != nil {
					t.Fatal(err)
				}
				if step.Op != "pkt" || !frame.IPv4(b).IsFragment() {
					continue
				}
				packets = append(packets, b)
				for _, f := range step.Got {
					got = append(got, f.piece())
				}
			}
			if len(packets) > 0 {
				t.Run(file+"/"+s.Name, func(t *testing.T) { play(t, packets, got, differently[s.Name]) })
				played++
			}
		}
	}
	if played < 7 {
		t.Errorf("only %d scenarios have fragments", played)
	}
}

func play(t *testing.T, packets [][]byte, kernel []Piece, why string) {
	ours := through(t, packets)
	for _, b := range ours {
		if !slices.ContainsFunc(packets, func(sent []byte) bool { return bytes.Equal(sent, b) }) {
			t.Errorf("changed on its way: %x", b)
		}
	}
	datagram, whole := assemble(ours)
	recorded, complete := union(kernel)
	if same := whole == complete && (!whole || len(datagram) == int(recorded.End)); same != (why == "") {
		t.Errorf("whole: %v, %d bytes, kernel: %v, %+v; expected to differ: %q", whole, len(datagram), complete, recorded, why)
	}
	if want, _ := assemble(packets); whole && !bytes.Equal(datagram, want) {
		t.Errorf("the server gets\n%x, sent was\n%x", datagram, want)
	}
}

// through returns the packets that pass a table, in their order.
func through(t *testing.T, packets [][]byte) (passed [][]byte) {
	table := newTable(t, Options{})
	send := func(f *link.Frame) { passed = append(passed, f.Data()[frame.EthernetLen:]) }
	for _, b := range packets {
		raw := make([]byte, link.Headroom+frame.EthernetLen, 1600)
		binary.BigEndian.PutUint16(raw[link.Headroom+12:], frame.EtherTypeIPv4)
		f := &link.Frame{Raw: append(raw, b...)}
		var p frame.Packet
		if m := frame.Parse(f.Data(), &p); m != frame.OK {
			t.Logf("%v: %x", m, b)
			continue
		}
		k := KeyOf(&p)
		if !p.Has(frame.IsFirst) {
			if _, o := table.Follow(&k, PieceOf(&p), f, 0); o == Passes {
				send(f)
			}
			continue
		}
		waited := table.First(&k, PieceOf(&p), 1, 0)
		send(f)
		for _, f := range taken(waited) {
			send(&f)
		}
	}
	return passed
}

// assemble puts an IPv4 datagram together, as a real server does.
func assemble(packets [][]byte) (datagram []byte, whole bool) {
	var pieces []Piece
	for _, b := range packets {
		h := frame.IPv4(b)
		payload := b[h.HeaderLen():h.TotalLen()]
		p := Piece{h.FragmentOffset(), h.FragmentOffset() + uint16(len(payload)), h.MoreFragments()}
		pieces = append(pieces, p)
		datagram = append(datagram, make([]byte, max(0, int(p.End)-len(datagram)))...)
		copy(datagram[p.Start:], payload)
	}
	_, whole = union(pieces)
	return datagram, whole
}

// union returns what the pieces are together, and whether no byte is missing.
func union(pieces []Piece) (all Piece, whole bool) {
	all.More = true
	ordered := slices.Clone(pieces)
	slices.SortFunc(ordered, func(a, b Piece) int { return int(a.Start) - int(b.Start) })
	for _, p := range ordered {
		if p.Start != all.End {
			return all, false
		}
		all.End, all.More = p.End, p.More
	}
	return all, !all.More
}
