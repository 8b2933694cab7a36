package dataplane

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"lvsdr/frame"
	"lvsdr/service"
)

// flowOf is the flow of a packet as Parse finds it.
func flowOf(p packet) frame.Key {
	from, to := netip.MustParseAddrPort(p.from), netip.MustParseAddrPort(p.to)
	return frame.Key{
		Src: frame.AddrFrom(from.Addr()), SrcPort: from.Port(),
		Dst: frame.AddrFrom(to.Addr()), DstPort: to.Port(), Protocol: p.protocol,
	}
}

// TestExplainTellsWhatComes: whatever happened before, the packet then does
// what was said of it.
func TestExplainTellsWhatComes(t *testing.T) {
	dead := define(31)
	dead.Name, dead.Ranges[0].First, dead.Ranges[0].Last = "dead", 90, 90
	dead.Servers[0].Weight = 0
	for _, scheduler := range []string{"rr", "wrr", "wlc", "sh", "mh", "lblcr", "sed"} {
		t.Run(scheduler, func(t *testing.T) {
			web, kept := hashed(scheduler), persistent(udpOf(define(21, 22, 23)), 24)
			s := ours
			s.HalfOpenQuota = 10
			s.ExpireQuiescentTemplate = true
			h := newHarnessWith(t, setting{Options: Options{Settings: s}}, web, kept, dead, sctpOf(define(21, 22)))
			rng := rand.New(rand.NewPCG(5, 6))
			for step := range 3000 {
				from := fmt.Sprintf("198.51.%d.%d:%d", rng.IntN(20), 1+rng.IntN(20), 1000+rng.IntN(2))
				packets := []packet{tcp(from, syn), udp(from), tcp(from, syn).port("90"), tcp(from, syn).port("91"), sctp(from, chunkInit)}
				p := packets[rng.IntN(len(packets))]
				told := h.plane.Explain(flowOf(p))
				got, sent := h.one(wired(t, p))
				if got != told.Verdict {
					t.Fatalf("step %d, %s to %s: %v, told %+v", step, p.from, p.to, got, told)
				}
				if got == Forward && (frame.Ethernet(sent.Data).Dst() != told.MAC || !told.Sure && told.Entry == nil) {
					t.Fatalf("step %d, %s to %s: to %v, told %+v", step, p.from, p.to, frame.Ethernet(sent.Data).Dst(), told)
				}
				switch rng.IntN(60) {
				case 0:
					h.advance(time.Duration(rng.IntN(100)) * time.Second)
				case 1:
					h.health(0, 21+rng.IntN(5), service.Gone)
				case 2:
					h.health(0, 21+rng.IntN(5), service.Up)
				case 3:
					h.health(1, 21+rng.IntN(3), service.Gone)
				case 4:
					h.health(1, 21+rng.IntN(3), service.Up)
				case 5, 6, 7:
					h.one(wired(t, tcp(from, []uint8{ack, fin | ack, rst}[rng.IntN(3)])))
				}
			}
		})
	}
}

// TestExplainNamesItsReasons: what is found on the way is told.
func TestExplainNamesItsReasons(t *testing.T) {
	h := newHarness(t, persistent(define(21, 22), 0))
	e := h.plane.Explain(flowOf(tcp(client4, syn)))
	if e.VIP == nil || e.Service == nil || e.Scheduled == nil || e.Entry != nil || e.Template != nil {
		t.Errorf("a new client: %+v", e)
	}
	server := h.to(tcp(client4, syn))
	e = h.plane.Explain(flowOf(tcp(client4, syn)))
	if e.Entry == nil || e.Server != h.server(0, server) {
		t.Errorf("a known connection: %+v", e)
	}
	e = h.plane.Explain(flowOf(tcp("198.51.100.7:1", syn)))
	if e.Template == nil || e.Controls != 1 || e.TemplateServer != h.server(0, server) {
		t.Errorf("a known client: %+v", e)
	}
	h.health(0, server, service.Gone)
	before := h.plane.Connections()
	e = h.plane.Explain(flowOf(tcp("198.51.100.7:1", syn)))
	if e.Verdict != Forward || e.Server == h.server(0, server) {
		t.Errorf("a client whose server is dead: %+v", e)
	}
	p := tcp(client4, syn)
	p.to = "192.0.2.99:80"
	if e = h.plane.Explain(flowOf(p)); e.Verdict != IgnoreNotVIP {
		t.Errorf("no VIP: %+v", e)
	}
	if after := h.plane.Connections(); after != before {
		t.Errorf("telling changed the table: %+v, then %+v", before, after)
	}
}
