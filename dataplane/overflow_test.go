package dataplane

import (
	"fmt"
	"testing"
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/service"
)

// fill opens connections until the table has no place for more.
func (h *harness) fill() {
	h.Helper()
	for i := 0; h.plane.Connections().Refused == 0; i++ {
		if i > 2*h.plane.Connections().Capacity {
			h.Fatal("the table never fills")
		}
		h.to(tcp(fmt.Sprintf("198.18.%d.%d:%d", i>>8&0xff, i&0xff, 1024+i>>16), syn))
	}
}

// segments are those of a connection's life, from the client.
var segments = []uint8{syn, ack, ack | psh, ack, fin | ack, ack, rst, rst | ack}

// TestOverflowKeepsFlowsTogether: with the table full, every segment of a
// connection goes to the same server, whatever the scheduler, on every director.
func TestOverflowKeepsFlowsTogether(t *testing.T) {
	d := hashed("wlc")
	h, other := newHarness(t, d), newHarness(t, d)
	h.fill()
	other.fill()
	servers := map[int]int{}
	for _, c := range clients(300) {
		first := h.to(tcp(c, syn))
		servers[first]++
		for _, flags := range segments {
			if got := h.to(tcp(c, flags)); got != first {
				t.Fatalf("%s went to %d, before to %d", c, got, first)
			}
		}
		if got := other.to(tcp(c, ack)); got != first {
			t.Errorf("%s goes to %d on another director, here to %d", c, got, first)
		}
	}
	if len(servers) != 5 {
		t.Errorf("servers used: %v", servers)
	}
	if c := h.plane.Counters(); c[ReplyRST] != 0 {
		t.Errorf("%d segments refused", c[ReplyRST])
	}
}

// TestOverflowOutlivesTheFullTable: connections without an entry go on after
// there is room again, for as long as they are used.
func TestOverflowOutlivesTheFullTable(t *testing.T) {
	u := udpOf(define(21, 22))
	u.Timeouts = conntable.NewTimeouts(0, 0, 10*time.Second)
	h := newHarness(t, hashed("wlc"), u)
	h.fill()
	server := h.to(tcp(client4, syn))
	h.to(udp(client4)) // lives shorter than a TCP connection
	h.advance(2 * time.Minute)
	if n := h.plane.Connections().Connections; n != 0 {
		t.Fatalf("%d connections stay", n)
	}
	for range 10 {
		if got := h.to(tcp(client4, ack)); got != server {
			t.Fatalf("went to %d, before to %d", got, server)
		}
		h.advance(14 * time.Minute)
	}
	if n := h.plane.Connections().Connections; n != 0 {
		t.Errorf("%d connections", n)
	}
	h.want(Forward, tcp(client4, rst)) // and then it is over
	h.advance(2 * time.Minute)
	h.want(ReplyRST, tcp(client4, ack))
	h.want(DropNoConnection, tcp(client4, rst))
}

// TestOverflowDoesNotRefuse: not even when the only server takes nothing new.
func TestOverflowDoesNotRefuse(t *testing.T) {
	d := define(21)
	h := newHarness(t, d)
	h.fill()
	h.to(tcp(client4, syn))
	h.health(0, 21, service.Down)
	h.want(DropNoConnection, tcp(client4, ack))
	h.want(ReplyRST, tcp(client4, syn))
}

func TestOverflowCountsNoConnection(t *testing.T) {
	h := newHarness(t, define(21))
	h.fill()
	before := h.load(0, 21)
	opened := h.server(0, 21).Stats().Connections.Load()
	for _, c := range clients(20) {
		h.to(tcp(c, syn))
		h.to(tcp(c, fin|ack))
	}
	if got := h.load(0, 21); got != before || h.server(0, 21).Stats().Connections.Load() != opened {
		t.Errorf("load %v, was %v", got, before)
	}
	h.advance(time.Hour)
	if got := h.load(0, 21); got != [2]int{} {
		t.Errorf("load %v of an empty table", got)
	}
}

// TestSendRefused: frames that the interface does not take are neither
// forwarded nor replied; inject compares the counters with what was sent.
func TestSendRefused(t *testing.T) {
	var batch []memlink.Packet
	for i, c := range clients(60) {
		flags := []uint8{syn, ack, syn}[i%3]
		batch = append(batch, memlink.Packet{Data: tcp(c, flags).bytes(t)})
	}
	for _, twoArm := range []bool{false, true} {
		for _, n := range []int{0, 1, 7, 39, 40, 41, 60, -1} {
			h := newHarnessWith(t, setting{twoArm: twoArm}, define(21))
			h.out.Refuse(n)
			h.inject(batch...)
			lost := uint64(n)
			if most := uint64(40); twoArm && lost > most {
				lost = most
			} else if !twoArm && n < 0 {
				lost = 60
			}
			c := h.plane.Counters()
			if c[DropSend] != lost {
				t.Errorf("two arms %v, %d refused: %d counted", twoArm, n, c[DropSend])
			}
			if twoArm && (c[Forward] != h.out.Sent() || c[ReplyRST] != h.wire.Sent()) {
				t.Errorf("two arms, %d refused: %d forwarded, %d sent; %d replies, %d sent",
					n, c[Forward], h.out.Sent(), c[ReplyRST], h.wire.Sent())
			}
		}
	}
	h := newHarnessWith(t, setting{twoArm: true}, define(21))
	h.wire.Refuse(-1) // replies
	h.inject(batch...)
	if c := h.plane.Counters(); c[Forward] != 40 || c[DropSend] != 20 {
		t.Errorf("replies refused: %d forwarded, %d lost", c[Forward], c[DropSend])
	}
	h.out.SetUp(false)
	h.inject(batch...)
	if c := h.plane.Counters(); c[Forward] != 40 || c[DropSend] != 20+60 {
		t.Errorf("egress down: %d forwarded, %d lost", c[Forward], c[DropSend])
	}
}

// TestOverflowICMP: an error about a connection without an entry goes where its
// segments go, or path MTU discovery would fail for it.
func TestOverflowICMP(t *testing.T) {
	h := newHarness(t, hashed("wlc"))
	about := func(client string) memlink.Packet {
		return memlink.Packet{Data: message4(t, 3, 4, quote(t, client, vip4+":80"))}
	}
	if v, _ := h.one(about("198.51.100.1:5000")); v != DropICMPUnrelated {
		t.Errorf("about no connection: %v", v)
	}
	h.fill()
	for _, c := range clients(50) {
		server := h.to(tcp(c, syn))
		v, out := h.one(about(c))
		if v != Forward || int(out.Data[5]) != server {
			t.Errorf("%s: %v to %x, its segments go to %d", c, v, out.Data[:6], server)
		}
	}
}
