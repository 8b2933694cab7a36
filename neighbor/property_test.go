package neighbor

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"lvsdr/arp"
	"lvsdr/arp/arptest"
	"lvsdr/frame"
)

// TestProperties feeds random packets, settings and pauses to a machine and
// checks what must hold whatever happens: above all, that a MAC address in use
// is replaced only by one that was asked by unicast, in time, and that answered.
func TestProperties(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 7))
		w := &world{
			m:     NewMachine(Options{MAC: ourMAC, Source: ourIP, Refuse: []frame.MAC{movedMAC}}),
			now:   epoch,
			inUse: map[netip.Addr]frame.MAC{}, asked: map[flow]time.Time{}, replied: map[flow]time.Time{},
		}
		for range 500 {
			w.step(rng)
			w.check(t)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// flow is a server's address at a MAC address.
type flow struct {
	addr netip.Addr
	mac  frame.MAC
}

// world is a machine, and what an observer of the segment knows about it.
type world struct {
	m       *Machine
	now     time.Time
	actions []arp.Action
	inUse   map[netip.Addr]frame.MAC // by the events
	asked   map[flow]time.Time       // last request sent there
	replied map[flow]time.Time       // last reply to us from there
	sends   int
}

func (w *world) step(rng *rand.Rand) {
	addrs := []netip.Addr{web1, web2}
	macs := []frame.MAC{ourMAC, movedMAC, web1MAC, evilMAC, frame.Broadcast, {}, {2, 9, 9, 9, 9, byte(rng.IntN(3))}}
	mac := func() frame.MAC { return macs[rng.IntN(len(macs))] }
	w.actions = nil
	switch rng.IntN(24) {
	case 0:
		keep := addrs[:rng.IntN(3)]
		w.actions = w.m.Set(w.now, keep)
		for a := range w.inUse {
			if len(keep) == 0 || a == web2 && len(keep) == 1 {
				delete(w.inUse, a)
			}
		}
	case 1:
		up := rng.IntN(2) == 0
		w.actions = w.m.SetLink(w.now, up)
	case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11:
		p := replyFrom(mac(), addrs[rng.IntN(2)])
		switch rng.IntN(6) {
		case 0:
			p = gratuitous(p.SenderMAC, p.SenderIP)
		case 1:
			p.Source = mac()
		case 2:
			p.Destination = mac()
		case 3:
			p.TargetIP = web1
		}
		if p == replyFrom(p.SenderMAC, p.SenderIP) {
			w.replied[flow{p.SenderIP, p.SenderMAC}] = w.now
		}
		w.actions = w.m.Receive(w.now, p)
	default:
		if next := w.m.Next(); !next.IsZero() {
			if next.After(w.now) {
				w.now = next
			}
			w.actions = w.m.Tick(w.now)
		}
	}
}

func (w *world) check(t *testing.T) {
	t.Helper()
	for _, a := range w.actions {
		switch a := a.(type) {
		case arp.Send:
			w.asked[flow{a.Packet.TargetIP, a.Packet.Destination}] = w.now
			w.sends++
		case Event:
			w.checkEvent(t, a)
		}
	}
	for addr, mac := range w.inUse {
		if got, ok := w.m.Lookup(addr); !ok || got != mac {
			t.Errorf("%s is at %v, the events say %v", addr, got, mac)
		}
	}
	if next := w.m.Next(); !next.IsZero() {
		for _, e := range w.m.order {
			if due := e.due(); !due.IsZero() && due.Before(next) {
				t.Errorf("%s is due %v before Next", e.addr, next.Sub(due))
			}
		}
	}
	st := w.m.Stats()
	if sum := st.Malformed + st.Other + st.Own + st.Believed + st.Unsolicited + st.Questioned + st.Refused; sum != st.Received {
		t.Errorf("counters add up to %d, received %d", sum, st.Received)
	}
	// Two servers: at most 8 requests a verification, which takes 750 ms.
	if limit := 2 * 8 * (2 + int(w.now.Sub(epoch)/(verifyTries*verifyAgain)) + 500); w.sends > limit {
		t.Errorf("%d requests in %v", w.sends, w.now.Sub(epoch))
	}
}

func (w *world) checkEvent(t *testing.T, e Event) {
	t.Helper()
	before, known := w.inUse[e.Addr]
	f := flow{e.Addr, e.MAC}
	switch e.Kind {
	case Resolved:
		if known && before != e.MAC {
			t.Errorf("%s: resolved to %s, was at %s", e.Addr, e.MAC, before)
		}
		if w.replied[f] != w.now {
			t.Errorf("%s: resolved without a reply", e.Addr)
		}
		w.inUse[e.Addr] = e.MAC
	case Changed:
		if !known || before != e.Other {
			t.Errorf("%s: changed from %s, was at %s", e.Addr, e.Other, before)
		}
		asked, ok := w.asked[f]
		if !ok || w.now.Sub(asked) > verifyTries*verifyAgain || w.replied[f].Before(asked) {
			t.Errorf("%s: changed to %s, asked %v, replied %v, now %v", e.Addr, e.MAC, asked, w.replied[f], w.now)
		}
		w.inUse[e.Addr] = e.MAC
	case Failed, Conflict, Spoofed, Duplicate:
		if known && before != e.MAC {
			t.Errorf("%s at %s: %v", e.Addr, before, e)
		}
	}
	if e.MAC != (frame.MAC{}) && (!e.MAC.IsUnicast() || e.MAC == ourMAC || e.MAC == movedMAC) {
		t.Errorf("%s: no server can have %s", e.Addr, e.MAC)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(arptest.Encode(f, replyFrom(web1MAC, web1)))
	f.Add(arptest.Encode(f, gratuitous(web1MAC, web1))[:42])
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := arp.Decode(b)
		if err != nil {
			return
		}
		m := NewMachine(Options{MAC: ourMAC, Source: ourIP})
		m.Set(epoch, []netip.Addr{p.SenderIP})
		m.Receive(epoch, p)
		if mac, ok := m.Lookup(p.SenderIP); ok && !mac.IsUnicast() {
			t.Fatalf("%x makes %s the MAC address of a server", b, mac)
		}
	})
}
