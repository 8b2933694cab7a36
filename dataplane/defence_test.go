package dataplane

import (
	"fmt"
	"testing"
	"time"

	"lvsdr/conntable"
)

func with(change func(*Settings)) Settings {
	s := ours
	change(&s)
	return s
}

// syns opens n connections that are never established.
func (h *harness) syns(n int) (forwarded int) {
	before := h.plane.Counters()[Forward]
	for i := range n {
		h.one(wired(h, tcp(fmt.Sprintf("198.18.%d.%d:%d", i>>8&0xff, i&0xff, 1024+i>>16), syn)))
	}
	return int(h.plane.Counters()[Forward] - before)
}

// TestDropPacket: one of so many new connections is dropped, and nothing of
// those that are known.
func TestDropPacket(t *testing.T) {
	h := newHarnessWith(t, setting{Options: Options{Settings: with(func(s *Settings) { s.DropPacket, s.DropRate = Always, 4 })}}, define(21))
	if n := h.syns(400); n != 300 {
		t.Errorf("%d of 400 new connections were forwarded, want 300", n)
	}
	known := tcp("198.18.0.1:1024", ack)
	for range 20 {
		h.to(known)
	}
	if n := h.plane.Counters()[DropDefence]; n != 100 {
		t.Errorf("%d drops are counted", n)
	}
}

// TestAutomaticDefence is down until the share of half-open connections is
// nearly used up.
func TestAutomaticDefence(t *testing.T) {
	h := newHarnessWith(t, setting{Options: Options{Settings: with(func(s *Settings) {
		s.SecureTCP, s.HalfOpenQuota = Automatic, 50
	})}}, define(21))
	h.plane.defend()
	h.to(tcp(client4, syn))
	if got := h.state(tcp(client4, 0)); got != conntable.StateSynRecv {
		t.Errorf("in peace a SYN leads to %v", got)
	}
	h.syns(500)
	h.plane.defend()
	h.to(tcp("203.0.113.1:1", syn))
	if got := h.state(tcp("203.0.113.1:1", 0)); got != conntable.StateSynAck {
		t.Errorf("under attack a SYN leads to %v", got)
	}
	h.advance(5 * time.Minute)
	h.plane.defend()
	h.to(tcp("203.0.113.2:1", syn))
	if got := h.state(tcp("203.0.113.2:1", 0)); got != conntable.StateSynRecv {
		t.Errorf("after the attack a SYN leads to %v", got)
	}
}

// TestDropEntry: half-open connections go, and UDP that has been silent;
// established ones stay.
func TestDropEntry(t *testing.T) {
	h := newHarnessWith(t, setting{Options: Options{Settings: with(func(s *Settings) { s.DropEntry = Always })}},
		define(21), udpOf(define(21)))
	h.to(tcp(client4, syn))
	h.to(tcp(client4, ack))
	h.to(udp("203.0.113.1:1"))
	h.advance(70 * time.Second)
	h.to(udp("203.0.113.2:1"))
	h.syns(300)
	for range 5000 {
		h.plane.defend()
	}
	c := h.plane.Connections()
	if c.HalfOpen != 0 || c.UDP != 1 || c.Connections != 2 {
		t.Errorf("%+v", c)
	}
	if h.load(0, 21) != [2]int{1, 0} || h.load(1, 21) != [2]int{0, 1} {
		t.Errorf("loads %v and %v", h.load(0, 21), h.load(1, 21))
	}
	h.to(tcp(client4, ack))
}

// TestSYNFlood: ten times as many half-open connections as the table has places
// take their share of it; established ones stay, new clients get in, and all
// their segments reach one server.
func TestSYNFlood(t *testing.T) {
	h := newHarnessWith(t, setting{Options: Options{Settings: with(func(s *Settings) { s.HalfOpenQuota, s.UDPQuota = 25, 50 })}},
		hashed("wlc"), udpOf(define(21)))
	old := clients(200)
	servers := make([]int, len(old))
	for i, c := range old {
		servers[i] = h.to(tcp(c, syn))
		h.to(tcp(c, ack))
	}
	flood := 10 * conntable.MinCapacity
	if n := h.syns(flood); n != flood {
		t.Errorf("%d of %d SYNs were forwarded", n, flood)
	}
	for i := range flood {
		h.one(wired(h, udp(fmt.Sprintf("198.19.%d.%d:%d", i>>8&0xff, i&0xff, 1024+i>>16))))
	}
	c := h.plane.Connections()
	if c.HalfOpen > c.Capacity/4 || c.UDP > c.Capacity/2 || c.Used > c.Capacity*3/4+len(old) {
		t.Errorf("the floods took more than their share: %+v", c)
	}
	for i, from := range old {
		if got := h.to(tcp(from, ack)); got != servers[i] {
			t.Fatalf("%s went to %d, before to %d", from, got, servers[i])
		}
		if got := h.state(tcp(from, 0)); got != conntable.StateEstablished {
			t.Fatalf("%s is %v", from, got)
		}
	}
	for i := range 300 {
		from := fmt.Sprintf("203.0.113.%d:%d", 1+i%250, 3000+i)
		first := h.to(tcp(from, syn))
		for _, flags := range segments {
			if got := h.to(tcp(from, flags)); got != first {
				t.Fatalf("%s went to %d, before to %d", from, got, first)
			}
		}
	}
}
