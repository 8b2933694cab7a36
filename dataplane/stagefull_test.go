package dataplane

import (
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/memlink"
)

// number gives the bytes of a datagram, from the given one on, values that tell
// them apart; the UDP header is left alone.
func number(payload []byte, from int) {
	for i := range payload {
		if at := from + i; at >= 8 {
			payload[i] = byte(at ^ at>>8)
		}
	}
}

// lateSender hands on nothing before it is flushed, as a link may.
type lateSender struct {
	link.Sender
	queue []link.Frame
}

func (s *lateSender) Send(f *link.Frame) { s.queue = append(s.queue, *f) }

func (s *lateSender) Flush() int {
	for i := range s.queue {
		s.Sender.Send(&s.queue[i])
	}
	s.queue = s.queue[:0]
	return s.Sender.Flush()
}

// TestMoreThanTheStageHolds: what a batch makes, and what has waited for it, is
// sent before its end where there is too much of it, and every byte arrives.
func TestMoreThanTheStageHolds(t *testing.T) {
	const datagrams, bytes = 8, 60_000
	for name, packets := range map[string]func(*harness) []memlink.Packet{
		"cut to fit": func(h *harness) (all []memlink.Packet) {
			for range datagrams {
				p := udp(client4)
				p.mayFragment, p.payload = true, bytes
				data := p.bytes(h)
				number(data[34:], 0)
				all = append(all, memlink.Packet{Data: data})
			}
			return all
		},
		"waited, and are cut to fit": func(h *harness) (all []memlink.Packet) {
			for id := range datagrams {
				p := udp(client4)
				p.payload = bytes
				f := cut(t, p, 4008, uint16(id))
				for i := range f {
					number(f[i][34:], i*4008)
				}
				for _, later := range f[1:] {
					h.inject(memlink.Packet{Data: later})
				}
				all = append(all, memlink.Packet{Data: f[0]})
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarnessWith(t, setting{mtu: 1000}, udpOf(define(21)))
			late := &lateSender{Sender: h.worker.ports.Egress}
			h.worker.ports.Egress, h.worker.ports.Reply = late, late
			sent := h.inject(packets(h)...)
			if len(sent) <= stageFrames {
				t.Fatalf("only %d frames were made", len(sent))
			}
			defrag, whole := ip4defrag.NewIPv4Defragmenter(), 0
			for _, s := range sent {
				g := gopacket.NewPacket(s.Data, layers.LayerTypeEthernet, gopacket.Default)
				ip := g.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
				full, err := defrag.DefragIPv4(ip)
				if err != nil {
					t.Fatal(err)
				}
				if full == nil {
					continue
				}
				whole++
				if got := len(full.Payload); got != 8+bytes {
					t.Errorf("a datagram of %d bytes", got)
				}
				want := make([]byte, len(full.Payload))
				number(want, 0)
				if !slices.Equal(full.Payload[8:], want[8:]) {
					t.Error("its bytes are not those that were sent")
				}
			}
			if whole != datagrams {
				t.Errorf("%d of %d datagrams arrived", whole, datagrams)
			}
			if s := h.plane.Fragments(); s.Bytes != 0 || s.Lost != 0 {
				t.Errorf("%+v", s)
			}
			h.worker.batch(nil)
			if h.worker.stage.count != 0 || h.worker.stage.bytes != 0 {
				t.Errorf("%d frames are left", h.worker.stage.count)
			}
		})
	}
}

// TestLossesBeforeTheEnd: frames that the link did not take when it was flushed
// before the batch's end are not counted as sent.
func TestLossesBeforeTheEnd(t *testing.T) {
	h := newHarnessWith(t, setting{mtu: 1000, twoArm: true}, udpOf(define(21)))
	p := udp(client4)
	p.mayFragment, p.payload = true, 60_000
	h.out.SetUp(false)
	h.inject(wired(h, p), wired(h, p), wired(h, p), wired(h, p), wired(h, p))
	c := h.plane.Counters()
	if c[Forward] != 0 || c[ExtraPiece] != 0 || c[DropSend] != 5 {
		t.Errorf("%v", c)
	}
}
