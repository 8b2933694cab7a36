package arpresponder

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
// checks what must hold whatever happens.
func TestProperties(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(rng)
		for range 400 {
			w.step(rng)
			w.check(t)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// world is a machine, and what an observer of the segment knows about it.
type world struct {
	m         *Machine
	now       time.Time
	vips      map[netip.Addr]bool
	actions   []arp.Action
	in        *arp.Packet
	owned     map[netip.Addr]bool // by the events
	defended  map[netip.Addr]time.Time
	announced map[netip.Addr]time.Time
	probes    map[netip.Addr]int // since the last claim or refusal
}

func newWorld(rng *rand.Rand) *world {
	mode := Refuse
	if rng.IntN(2) == 0 {
		mode = Takeover
	}
	return &world{
		m: NewMachine(Options{MAC: ourMAC, Conflict: mode, Jitter: func(d time.Duration) time.Duration {
			return rand.N(d)
		}}),
		now: epoch, vips: map[netip.Addr]bool{}, owned: map[netip.Addr]bool{},
		defended: map[netip.Addr]time.Time{}, announced: map[netip.Addr]time.Time{}, probes: map[netip.Addr]int{},
	}
}

func randomIP(rng *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + rng.IntN(4))})
}

func randomMAC(rng *rand.Rand) frame.MAC {
	macs := []frame.MAC{ourMAC, clientMC, otherMAC, frame.Broadcast, {}, {2, 3, 4, 5, 6, byte(rng.IntN(256))}}
	return macs[rng.IntN(len(macs))]
}

func randomPacket(rng *rand.Rand) *arp.Packet {
	p := &arp.Packet{
		Destination: randomMAC(rng), Source: randomMAC(rng), Operation: arp.Operation(rng.IntN(4)),
		SenderMAC: randomMAC(rng), SenderIP: randomIP(rng), TargetMAC: randomMAC(rng), TargetIP: randomIP(rng),
	}
	if rng.IntN(3) > 0 {
		p.Source = p.SenderMAC
	}
	if rng.IntN(3) == 0 {
		p.SenderIP = netip.IPv4Unspecified()
	}
	return p
}

func (w *world) step(rng *rand.Rand) {
	w.in, w.actions = nil, nil
	switch rng.IntN(20) {
	case 0:
		w.vips = map[netip.Addr]bool{}
		var list []netip.Addr
		for range rng.IntN(4) {
			a := randomIP(rng)
			w.vips[a] = true
			list = append(list, a)
		}
		for a := range w.owned {
			if !w.vips[a] {
				delete(w.owned, a)
				delete(w.defended, a)
				delete(w.announced, a)
			}
		}
		w.actions = w.m.SetVIPs(w.now, list)
	case 1:
		w.actions = w.m.SetRealServers(w.now, map[frame.MAC]string{randomMAC(rng): "web"})
	case 2:
		w.actions = w.m.Announce(w.now)
	case 3, 4, 5, 6, 7, 8:
		w.in = randomPacket(rng)
		w.actions = w.m.Receive(w.now, *w.in)
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
	for i, a := range w.actions {
		switch a := a.(type) {
		case Event:
			w.checkEvent(t, a, w.actions[:i])
		case arp.Send:
			w.checkSend(t, a.Packet)
		}
	}
	for a := range w.owned {
		if last := w.announced[a]; w.now.Sub(last) > time.Minute {
			t.Errorf("VIP %s: not announced for %v", a, w.now.Sub(last))
		}
	}
	if next := w.m.Next(); !next.IsZero() {
		for _, v := range w.m.order {
			if due := v.due(); !due.IsZero() && due.Before(next) {
				t.Errorf("VIP %s is due %v before Next", v.addr, next.Sub(due))
			}
		}
	}
	st := w.m.Stats()
	if sum := st.Other + st.Own + st.Malformed + st.Claim + st.Unclaimed + st.Elsewhere + st.Answered; sum != st.Received {
		t.Errorf("counters add up to %d, received %d", sum, st.Received)
	}
}

func (w *world) checkEvent(t *testing.T, e Event, before []arp.Action) {
	t.Helper()
	if !w.vips[e.VIP] {
		t.Errorf("event about %s, which is no VIP: %v", e.VIP, e)
	}
	switch e.Kind {
	case Claimed:
		if w.probes[e.VIP] < probeNum {
			t.Errorf("VIP %s claimed after %d probes", e.VIP, w.probes[e.VIP])
		}
		w.probes[e.VIP] = 0
		w.owned[e.VIP] = true
		w.announced[e.VIP] = w.now
	case Defended:
		if last, ok := w.defended[e.VIP]; ok && w.now.Sub(last) < defendInterval {
			t.Errorf("VIP %s defended twice within %v", e.VIP, w.now.Sub(last))
		}
		w.defended[e.VIP] = w.now
		if len(before) < 2 {
			t.Errorf("VIP %s defended without an announcement", e.VIP)
		}
	case Refused:
		if w.owned[e.VIP] {
			t.Errorf("VIP %s refused after it was claimed", e.VIP)
		}
	}
}

func (w *world) checkSend(t *testing.T, p arp.Packet) {
	t.Helper()
	if p.Source != ourMAC || p.SenderMAC != ourMAC {
		t.Errorf("sent in another's name: %+v", p)
	}
	if p.IsProbe() {
		w.probes[p.TargetIP]++
		if w.owned[p.TargetIP] || !w.vips[p.TargetIP] {
			t.Errorf("probed for %s", p.TargetIP)
		}
		return
	}
	if !w.owned[p.SenderIP] {
		t.Errorf("spoke for %s, which is not ours: %+v", p.SenderIP, p)
	}
	if p.SenderIP == p.TargetIP && p.Destination == frame.Broadcast {
		w.announced[p.SenderIP] = w.now
		return
	}
	q := w.in
	if q == nil || q.Operation != arp.Request || q.TargetIP != p.SenderIP || p.Destination != q.SenderMAC {
		t.Errorf("answered %+v\nto %+v", p, q)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(arptest.Encode(f, whoHas(vip1)))
	f.Add(arptest.Encode(f, claimOf(vip1, otherMAC)))
	f.Add(arptest.Encode(f, probeOf(vip1, otherMAC))[:42])
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := arp.Decode(b)
		if err != nil {
			return
		}
		m := NewMachine(Options{MAC: ourMAC})
		m.SetVIPs(epoch, []netip.Addr{p.TargetIP, p.SenderIP})
		m.Receive(epoch, p)
	})
}
