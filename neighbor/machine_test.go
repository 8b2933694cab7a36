package neighbor

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lvsdr/arp"
	"lvsdr/frame"
)

var (
	ourMAC   = frame.MAC{2, 0, 0, 0, 0, 1}
	ourIP    = netip.MustParseAddr("192.0.2.1")
	web1     = netip.MustParseAddr("192.0.2.21")
	web2     = netip.MustParseAddr("192.0.2.22")
	web1MAC  = frame.MAC{2, 0, 0, 0, 0, 0x21}
	movedMAC = frame.MAC{2, 0, 0, 0, 0, 0x31}
	evilMAC  = frame.MAC{2, 0, 0, 0, 0, 0x66}
	epoch    = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

// never is a jitter that adds nothing, so that times are exact.
func never(time.Duration) time.Duration { return 0 }

// sim drives a machine over time on a segment whose hosts answer at once.
type sim struct {
	*Machine
	now   time.Time
	hosts map[frame.MAC]netip.Addr // who answers for what
	sent  []sent
	log   []Event
}

type sent struct {
	at time.Duration // since epoch
	arp.Packet
}

func newSim(addrs ...netip.Addr) *sim {
	s := &sim{
		Machine: NewMachine(Options{MAC: ourMAC, Source: ourIP, Jitter: never}),
		now:     epoch, hosts: map[frame.MAC]netip.Addr{},
	}
	s.do(s.Set(s.now, addrs))
	return s
}

func (s *sim) do(actions []arp.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Event:
			s.log = append(s.log, a)
		case arp.Send:
			s.sent = append(s.sent, sent{s.now.Sub(epoch), a.Packet})
			for mac, addr := range s.hosts {
				if addr == a.Packet.TargetIP && (a.Packet.Destination == mac || a.Packet.Destination == frame.Broadcast) {
					s.receive(replyFrom(mac, addr))
				}
			}
		}
	}
}

func (s *sim) receive(p arp.Packet) { s.do(s.Machine.Receive(s.now, p)) }

// runTo lets time pass until at, exactly.
func (s *sim) runTo(at time.Duration) {
	end := epoch.Add(at)
	for next := s.Next(); !next.IsZero() && !next.After(end); next = s.Next() {
		if next.After(s.now) {
			s.now = next
		}
		s.do(s.Tick(s.now))
	}
	s.now = end
}

// times returns when requests were sent to a MAC address.
func (s *sim) times(to frame.MAC) (at []time.Duration) {
	for _, p := range s.sent {
		if p.Destination == to {
			at = append(at, p.at)
		}
	}
	return at
}

func (s *sim) kinds() (k []EventKind) {
	for _, e := range s.log {
		k = append(k, e.Kind)
	}
	return k
}

func (s *sim) entry(addr netip.Addr) Entry {
	all := s.Snapshot()
	i := slices.IndexFunc(all, func(e Entry) bool { return e.Addr == addr })
	if i < 0 {
		return Entry{}
	}
	return all[i]
}

// replyFrom answers one of our requests.
func replyFrom(mac frame.MAC, addr netip.Addr) arp.Packet {
	return arp.Packet{
		Destination: ourMAC, Source: mac, Operation: arp.Reply,
		SenderMAC: mac, SenderIP: addr, TargetMAC: ourMAC, TargetIP: ourIP,
	}
}

// gratuitous announces addr at mac to everybody.
func gratuitous(mac frame.MAC, addr netip.Addr) arp.Packet {
	return arp.Packet{
		Destination: frame.Broadcast, Source: mac, Operation: arp.Request,
		SenderMAC: mac, SenderIP: addr, TargetIP: addr,
	}
}

func seconds(s ...float64) (d []time.Duration) {
	for _, v := range s {
		d = append(d, time.Duration(math.Round(v*1e3))*time.Millisecond)
	}
	return d
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestBackOff(t *testing.T) {
	s := newSim(web1)
	s.runTo(45 * time.Second)
	same(t, "requests", seconds(0, .2, 1, 2, 4, 8, 16, 26, 36), s.times(frame.Broadcast))
	same(t, "events", []EventKind{Failed}, s.kinds())
	same(t, "failed at", epoch.Add(2*time.Second), s.log[0].Time)
	if _, ok := s.Lookup(web1); ok {
		t.Error("an unresolved address has a MAC address")
	}
	same(t, "request", arp.Packet{
		Destination: frame.Broadcast, Source: ourMAC, Operation: arp.Request,
		SenderMAC: ourMAC, SenderIP: ourIP, TargetIP: web1,
	}, s.sent[0].Packet)
	// It shows itself: asked at once, not when the back-off ends.
	s.hosts[web1MAC] = web1
	s.receive(gratuitous(web1MAC, web1))
	same(t, "state", Reachable, s.entry(web1).State)
	same(t, "events", []EventKind{Failed, Resolved}, s.kinds())
}

func TestRefresh(t *testing.T) {
	s := newSim(web1)
	s.hosts[web1MAC] = web1
	s.runTo(60 * time.Second)
	// The burst's second frame finds the host, which then is asked by unicast.
	same(t, "broadcasts", seconds(0, .2), s.times(frame.Broadcast))
	same(t, "refreshes", seconds(25.2, 50.2), s.times(web1MAC))
	same(t, "events", []EventKind{Resolved}, s.kinds())

	s.hosts = map[frame.MAC]netip.Addr{}
	s.sent = nil
	s.runTo(100 * time.Second)
	same(t, "unicasts", seconds(75.2, 76.2, 77.2), s.times(web1MAC))
	same(t, "broadcasts", seconds(78.2, 79.2, 80.2, 81.2, 82.2, 84.2, 88.2, 96.2), s.times(frame.Broadcast))
	same(t, "events", []EventKind{Resolved, Failed}, s.kinds())
	same(t, "failed at", epoch.Add(81200*time.Millisecond), s.log[1].Time)
	e := s.entry(web1)
	if e.State != Stale || e.MAC != web1MAC {
		t.Errorf("entry %+v, want stale with its last MAC address", e)
	}
	if mac, ok := s.Lookup(web1); !ok || mac != web1MAC {
		t.Error("a stale MAC address is not usable")
	}
	s.hosts[web1MAC] = web1
	s.receive(gratuitous(web1MAC, web1))
	same(t, "events", []EventKind{Resolved, Failed, Resolved}, s.kinds())
	same(t, "state", Reachable, s.entry(web1).State)
}

func TestServerMoves(t *testing.T) {
	s := newSim(web1)
	s.hosts[web1MAC] = web1
	s.runTo(10 * time.Second)
	s.hosts = map[frame.MAC]netip.Addr{movedMAC: web1}
	s.sent = nil
	s.receive(gratuitous(movedMAC, web1))
	same(t, "candidate", movedMAC, s.entry(web1).Candidate)
	same(t, "MAC while it is verified", web1MAC, s.entry(web1).MAC)
	s.runTo(10750 * time.Millisecond)
	same(t, "MAC", movedMAC, s.entry(web1).MAC)
	same(t, "the old one is asked", seconds(10, 10.25, 10.5), s.times(web1MAC))
	same(t, "the new one is asked once", seconds(10), s.times(movedMAC))
	same(t, "events", []EventKind{Resolved, Changed}, s.kinds())
	same(t, "old MAC in the event", web1MAC, s.log[1].Other)
}

// A server that moves silently is found when it is refreshed.
func TestServerMovesSilently(t *testing.T) {
	s := newSim(web1)
	s.hosts[web1MAC] = web1
	s.runTo(20 * time.Second)
	s.hosts = map[frame.MAC]netip.Addr{movedMAC: web1}
	s.runTo(30 * time.Second)
	same(t, "MAC", movedMAC, s.entry(web1).MAC)
	same(t, "events", []EventKind{Resolved, Changed}, s.kinds())
	s.runTo(120 * time.Second)
	same(t, "events", []EventKind{Resolved, Changed}, s.kinds())
}

// One that moves silently and is doubted is found at once.
func TestDoubt(t *testing.T) {
	s := newSim(web1)
	s.hosts[web1MAC] = web1
	s.runTo(5 * time.Second)
	s.do(s.Doubt(s.now, web2))
	s.do(s.Doubt(s.now, web1))
	same(t, "state of one that answers", Reachable, s.entry(web1).State)
	same(t, "asked", seconds(5), s.times(web1MAC))

	s.hosts = map[frame.MAC]netip.Addr{movedMAC: web1}
	s.runTo(8 * time.Second)
	s.sent = nil
	for range 3 {
		s.do(s.Doubt(s.now, web1))
	}
	s.runTo(9750 * time.Millisecond)
	same(t, "the old one is asked, and again to verify", seconds(8, 9, 9.25, 9.5), s.times(web1MAC))
	same(t, "broadcasts", seconds(9), s.times(frame.Broadcast))
	same(t, "MAC", movedMAC, s.entry(web1).MAC)
	same(t, "events", []EventKind{Resolved, Changed}, s.kinds())

	s.hosts = map[frame.MAC]netip.Addr{}
	s.runTo(12 * time.Second)
	s.do(s.Doubt(s.now, web1))
	s.runTo(16 * time.Second)
	same(t, "state of one that is gone", Stale, s.entry(web1).State)
	same(t, "events", []EventKind{Resolved, Changed, Failed}, s.kinds())
}

// TestConflictEnds: a conflict lasts until the other host does not answer, or has the
// address alone; nobody has to say so.
func TestConflictEnds(t *testing.T) {
	for name, c := range map[string]struct {
		gone, stays frame.MAC
		events      []EventKind
	}{
		"the other left": {evilMAC, web1MAC, []EventKind{Resolved, Conflict}},
		"the old left":   {web1MAC, evilMAC, []EventKind{Resolved, Conflict, Changed}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(web1)
			s.hosts[web1MAC] = web1
			s.runTo(10 * time.Second)
			s.hosts[evilMAC] = web1
			s.receive(gratuitous(evilMAC, web1))
			s.runTo(2 * time.Minute)
			e := s.entry(web1)
			if e.MAC != web1MAC || e.Conflict != evilMAC || !e.ConflictSince.Equal(epoch.Add(10*time.Second)) {
				t.Fatalf("after two minutes: %+v", e)
			}
			delete(s.hosts, c.gone)
			s.runTo(3 * time.Minute)
			e = s.entry(web1)
			if e.MAC != c.stays || !e.Conflict.IsZero() || !e.ConflictSince.IsZero() || e.Spoofed != 0 {
				t.Errorf("afterwards: %+v", e)
			}
			same(t, "events", c.events, s.kinds())
		})
	}
}

func TestConflict(t *testing.T) {
	s := newSim(web1)
	s.hosts[web1MAC] = web1
	s.runTo(10 * time.Second)
	s.hosts[evilMAC] = web1 // answers when asked, too
	for at := 10; at < 19; at++ {
		s.runTo(time.Duration(at) * time.Second)
		s.receive(gratuitous(evilMAC, web1))
	}
	s.runTo(19500 * time.Millisecond)
	e := s.entry(web1)
	if e.MAC != web1MAC || e.Conflict != evilMAC || !e.Candidate.IsZero() {
		t.Errorf("entry %+v", e)
	}
	same(t, "events", []EventKind{Resolved, Conflict}, s.kinds())
}

// Both answer the first request: the first to answer is taken, the other named.
func TestTwoAnswer(t *testing.T) {
	s := newSim(web1)
	s.receive(replyFrom(web1MAC, web1))
	s.hosts[web1MAC], s.hosts[evilMAC] = web1, web1
	s.receive(replyFrom(evilMAC, web1))
	same(t, "MAC", web1MAC, s.entry(web1).MAC)
	same(t, "events", []EventKind{Resolved, Conflict}, s.kinds())
}

func TestNotBelieved(t *testing.T) {
	edit := func(fn func(p *arp.Packet)) arp.Packet {
		p := replyFrom(evilMAC, web1)
		fn(&p)
		return p
	}
	for name, p := range map[string]arp.Packet{
		"gratuitous request": gratuitous(evilMAC, web1),
		"gratuitous reply": edit(func(p *arp.Packet) {
			p.Destination, p.TargetMAC, p.TargetIP = frame.Broadcast, evilMAC, web1
		}),
		"unsolicited reply": replyFrom(evilMAC, web1),
		"reply to another":  edit(func(p *arp.Packet) { p.TargetMAC = evilMAC }),
		"other source":      edit(func(p *arp.Packet) { p.Source = movedMAC }),
		"our own":           edit(func(p *arp.Packet) { p.SenderMAC = ourMAC }),
		"zero":              edit(func(p *arp.Packet) { p.SenderMAC, p.Source = frame.MAC{}, frame.MAC{} }),
		"broadcast":         edit(func(p *arp.Packet) { p.SenderMAC, p.Source = frame.Broadcast, frame.Broadcast }),
		"multicast":         edit(func(p *arp.Packet) { p.SenderMAC[0], p.Source[0] = 3, 3 }),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(web1)
			s.hosts[web1MAC] = web1
			s.runTo(10 * time.Second)
			s.receive(p)
			s.runTo(20 * time.Second)
			e := s.entry(web1)
			if e.MAC != web1MAC || e.State != Reachable || e.Spoofed != 1 || e.LastSpoofer != p.SenderMAC {
				t.Errorf("entry %+v", e)
			}
			same(t, "events", []EventKind{Resolved, Spoofed}, s.kinds())
		})
	}
}

// While nothing is known, only a reply to our request teaches anything.
func TestFirstMustBeSolicited(t *testing.T) {
	s := newSim(web1)
	s.receive(gratuitous(evilMAC, web1))
	s.now = s.now.Add(5 * time.Second) // the request is too old by now
	s.receive(replyFrom(evilMAC, web1))
	if e := s.entry(web1); !e.MAC.IsZero() {
		t.Errorf("entry %+v", e)
	}
	s.receive(replyFrom(web1MAC, web1)) // answers the request which that provoked
	same(t, "MAC", web1MAC, s.entry(web1).MAC)
}

func TestProbeForm(t *testing.T) {
	s := &sim{Machine: NewMachine(Options{MAC: ourMAC, Jitter: never}), now: epoch}
	s.do(s.Set(s.now, []netip.Addr{web1}))
	same(t, "sender", netip.IPv4Unspecified(), s.sent[0].SenderIP)
	s.receive(replyFrom(web1MAC, web1)) // to an address that is not ours
	if _, ok := s.Lookup(web1); ok {
		t.Error("believed a reply to another address")
	}
	p := replyFrom(web1MAC, web1)
	p.TargetIP = netip.IPv4Unspecified()
	s.receive(p)
	if _, ok := s.Lookup(web1); !ok {
		t.Error("did not believe the reply")
	}
}

func TestRestore(t *testing.T) {
	s := newSim(web1, web2)
	s.do(s.Restore(s.now, web1, web1MAC))
	s.do(s.Restore(s.now, web2, frame.Broadcast))
	s.do(s.Restore(s.now, ourIP, evilMAC))
	if mac, ok := s.Lookup(web1); !ok || mac != web1MAC {
		t.Error("a restored MAC address is not usable")
	}
	if _, ok := s.Lookup(web2); ok {
		t.Error("restored a broadcast address")
	}
	same(t, "state", Restored, s.entry(web1).State)
	s.hosts[movedMAC] = web1 // it moved while we were away
	s.runTo(2 * time.Second)
	same(t, "MAC", movedMAC, s.entry(web1).MAC)
	same(t, "state", Reachable, s.entry(web1).State)
}

func TestPin(t *testing.T) {
	s := newSim(web1)
	s.sent = nil
	s.do(s.Pin(s.now, map[netip.Addr]frame.MAC{web1: web1MAC}))
	s.runTo(100 * time.Second)
	if len(s.sent) != 0 {
		t.Errorf("asked for a pinned address: %+v", s.sent)
	}
	s.receive(gratuitous(evilMAC, web1))
	e := s.entry(web1)
	if e.MAC != web1MAC || e.State != Pinned || e.LastSpoofer != evilMAC {
		t.Errorf("entry %+v", e)
	}
	s.do(s.Pin(s.now, nil))
	same(t, "state", Restored, s.entry(web1).State)
	if len(s.sent) != 1 {
		t.Errorf("%d requests for an address that is no longer pinned, want 1", len(s.sent))
	}
	s.do(s.Set(s.now, nil))
	if got := s.Snapshot(); len(got) != 0 {
		t.Errorf("snapshot %+v", got)
	}
}

func TestDuplicate(t *testing.T) {
	s := newSim(web1, web2)
	s.receive(replyFrom(web1MAC, web1))
	s.receive(replyFrom(web1MAC, web2))
	same(t, "events", []EventKind{Resolved, Resolved, Duplicate}, s.kinds())
	same(t, "the other", web1, s.log[2].OtherAddr)
}

// A forger who keeps us busy does not keep a real move from being seen.
func TestQueuedCandidate(t *testing.T) {
	s := newSim(web1)
	s.hosts[web1MAC] = web1
	s.runTo(10 * time.Second)
	s.hosts = map[frame.MAC]netip.Addr{movedMAC: web1}
	s.receive(gratuitous(evilMAC, web1))
	s.receive(gratuitous(movedMAC, web1))
	s.runTo(12 * time.Second)
	same(t, "MAC", movedMAC, s.entry(web1).MAC)
	same(t, "events", []EventKind{Resolved, Spoofed, Changed}, s.kinds())
}

func TestLink(t *testing.T) {
	s := newSim(web1)
	s.hosts[web1MAC] = web1
	s.runTo(10 * time.Second)
	s.do(s.SetLink(s.now, false))
	s.sent = nil
	s.runTo(200 * time.Second)
	if len(s.sent) != 0 {
		t.Errorf("asked while the link was down: %+v", s.sent)
	}
	s.do(s.SetLink(s.now, true))
	same(t, "asked by unicast", seconds(200), s.times(web1MAC))
	same(t, "state", Reachable, s.entry(web1).State)
	same(t, "events", []EventKind{Resolved}, s.kinds())
}

// Another address of ours: what is known is kept, who is being asked for is
// asked in the new name, and answers to the former one count no more.
func TestSetSource(t *testing.T) {
	s := newSim(web1, web2)
	s.receive(replyFrom(web1MAC, web1))
	s.runTo(100 * time.Millisecond)
	s.sent = nil
	newIP := netip.MustParseAddr("192.0.2.2")
	s.do(s.SetSource(s.now, newIP, []frame.MAC{evilMAC}))
	if len(s.sent) != 1 || s.sent[0].TargetIP != web2 || s.sent[0].SenderIP != newIP {
		t.Errorf("sent %+v, want one request for %v from %v", s.sent, web2, newIP)
	}
	if e := s.entry(web1); e.State != Reachable || e.MAC != web1MAC {
		t.Errorf("known server: %+v", e)
	}
	s.receive(replyFrom(movedMAC, web2)) // to ourIP
	if e := s.entry(web2); !e.MAC.IsZero() {
		t.Errorf("an answer to the former address was believed: %+v", e)
	}
	p := replyFrom(evilMAC, web2)
	p.TargetIP = newIP
	s.receive(p)
	if e := s.entry(web2); !e.MAC.IsZero() || e.LastSpoofer != evilMAC {
		t.Errorf("a refused MAC address was believed: %+v", e)
	}
	p = replyFrom(movedMAC, web2)
	p.TargetIP = newIP
	s.receive(p)
	if e := s.entry(web2); e.MAC != movedMAC || e.State != Reachable {
		t.Errorf("answered: %+v", e)
	}
	s.sent = nil
	s.do(s.SetSource(s.now, newIP, nil))
	if len(s.sent) != 0 {
		t.Errorf("the same source made it send %+v", s.sent)
	}
	s.do(s.SetSource(s.now, netip.Addr{}, nil))
	s.runTo(time.Minute)
	if len(s.sent) == 0 || !s.sent[0].SenderIP.IsUnspecified() {
		t.Errorf("without a source: %+v", s.sent)
	}
}
