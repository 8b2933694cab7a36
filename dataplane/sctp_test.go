package dataplane

import (
	"testing"
	"time"

	"lvsdr/conntable"
	"lvsdr/frame"
	"lvsdr/service"
)

// Chunk types (RFC 9260, 3.2).
const (
	chunkData       = 0
	chunkInit       = 1
	chunkAbort      = 6
	chunkShutdown   = 7
	chunkCookieEcho = 10
	chunkComplete   = 14
)

func sctpOf(d service.Definition) service.Definition {
	d.Name, d.Protocol = d.Name+"-sctp", frame.ProtocolSCTP
	return d
}

// TestSCTP: an INIT is scheduled, an association stays with its server, and an
// INIT on a closed one is scheduled anew.
func TestSCTP(t *testing.T) {
	for _, from := range []string{client4, client6} {
		d := define(21, 22)
		if from == client6 {
			d = define6(21, 22)
		}
		d.Scheduler = "rr"
		h := newHarness(t, sctpOf(d))
		p := func(chunks ...uint8) packet { return sctp(from, chunks...) }
		h.want(DropNoConnection, p(chunkAbort))
		server := h.to(p(chunkInit))
		for _, step := range []struct {
			chunks []uint8
			want   conntable.State
		}{
			{[]uint8{chunkCookieEcho, chunkData}, conntable.StateSCTPEstablished},
			{nil, conntable.StateSCTPEstablished}, // too short for a chunk: forwarded, and says nothing
			{[]uint8{chunkInit}, conntable.StateSCTPEstablished},
			{[]uint8{chunkShutdown}, conntable.StateSCTPShutdownReceived},
			{[]uint8{chunkComplete}, conntable.StateSCTPClosed},
		} {
			if got := h.to(p(step.chunks...)); got != server {
				t.Errorf("%d: to %d, before to %d", step.chunks, got, server)
			}
			if got := h.state(p()); got != step.want {
				t.Errorf("%d: state %v, want %v", step.chunks, got, step.want)
			}
		}
		if h.load(0, server) != [2]int{0, 1} {
			t.Errorf("load %v", h.load(0, server))
		}
		if got := h.to(p(chunkInit)); got == server {
			t.Errorf("an INIT after the end went to %d again", got)
		}
		if got := h.state(p()); got != conntable.StateSCTPInit1 {
			t.Errorf("the new association is %v", got)
		}
		h.advance(5 * time.Second)
		if n := h.plane.Connections().Connections; n != 0 {
			t.Errorf("%d associations after an INIT that was not answered", n)
		}
	}
}

// TestSloppySCTP: in the middle of an association nothing is scheduled, unless
// sloppy_sctp is on.
func TestSloppySCTP(t *testing.T) {
	h := newHarness(t, sctpOf(define(21)))
	h.want(DropNoConnection, sctp(client4, chunkData))
	s := ours
	s.SloppySCTP = true
	h.plane.SetSettings(s)
	h.want(DropNoConnection, sctp(client4, chunkAbort))
	h.want(DropNoConnection, sctp(client4))
	h.want(Forward, sctp(client4, chunkData))
	if got := h.state(sctp(client4)); got != conntable.StateSCTPEstablished {
		t.Errorf("state %v", got)
	}
}

// TestSCTPRefused: no server is usable, or there is no service.
func TestSCTPRefused(t *testing.T) {
	d := sctpOf(define(21))
	d.Servers[0].Weight = 0
	h := newHarness(t, d)
	h.want(ReplyUnreachable, sctp(client4, chunkInit))
	h.want(ReplyUnreachable, sctp(client4, chunkInit).port("81"))
}
