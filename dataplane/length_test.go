package dataplane

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/gopacket/layers"

	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
)

// TestHopBeforeLength: a packet that is too long has lost its hop when it is
// quoted, and one without a hop left dies of that.
func TestHopBeforeLength(t *testing.T) {
	h := newHarnessWith(t, setting{mtu: 1000, Options: Options{Settings: hop}}, define(21), define6(21))
	for _, from := range []string{client4, client6} {
		h.to(tcp(from, syn))
		p := tcp(from, ack|psh)
		p.payload = 1200
		g := decode(t, h.want(ReplyFragmentation, p))
		p.ttl = 63
		quoted := g.NetworkLayer().LayerPayload()[frame.ICMPLen:]
		if !bytes.Equal(quoted, p.ip(t)[:maxQuote]) {
			t.Errorf("%s: quoted % x", from, quoted[:40])
		}
		p.ttl = 1
		h.want(ReplyTimeExceeded, p)
	}
}

// TestRouteMTU: what fits is what the egress interface and the host's route to the
// server have room for.
func TestRouteMTU(t *testing.T) {
	for _, c := range []struct{ link, route, want int }{
		{1500, 1000, 1000}, {1000, 1500, 1000}, {1500, 0, 1500}, {0, 1000, 1000}, {0, 0, 0},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			h := newHarnessWith(t, setting{mtu: c.link}, define(21))
			h.server(0, 21).SetMTU(c.route)
			h.to(tcp(client4, syn))
			p := tcp(client4, ack|psh)
			for length, fits := range map[int]bool{c.want: true, c.want + 1: c.want == 0} {
				p.payload = max(length, 100) - 40
				if fits {
					h.to(p)
					continue
				}
				m := decode(t, h.want(ReplyFragmentation, p)).Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
				if int(m.Seq) != c.want {
					t.Errorf("MTU %d", m.Seq)
				}
				p := p
				p.mayFragment = true
				if sent := h.inject(memlink.Packet{Data: p.bytes(t)}); len(sent) != 2 || len(sent[0].Data) > 14+c.want {
					t.Errorf("cut into %d", len(sent))
				}
			}
		})
	}
}

// TestEarlyFragmentIsCut: one that waited, and is too long, leaves in pieces like
// one that did not.
func TestEarlyFragmentIsCut(t *testing.T) {
	h := newHarnessWith(t, setting{mtu: 1000, Options: Options{Settings: hop}}, udpOf(define(21)))
	f := cut(t, big(client4), 1208, 9)
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}} {
		var total, frames int
		for _, i := range order {
			for _, s := range h.give(f[i]) {
				ip := frame.IPv4(s.Data[14:])
				if ip.TotalLen() > 1000 || ip.TTL() != 63 {
					t.Errorf("order %v: a piece of %d bytes with TTL %d", order, ip.TotalLen(), ip.TTL())
				}
				total += ip.TotalLen() - frame.IPv4Len
				frames++
			}
		}
		if total != frame.UDPLen+3000 || frames != 5 {
			t.Errorf("order %v: %d bytes in %d frames", order, total, frames)
		}
	}
}
