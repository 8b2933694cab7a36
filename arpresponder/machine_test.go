package arpresponder

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
	clientMC = frame.MAC{2, 0, 0, 0, 0, 0xc}
	otherMAC = frame.MAC{2, 0, 0, 0, 0, 0xb}
	vip1     = netip.MustParseAddr("192.0.2.10")
	vip2     = netip.MustParseAddr("192.0.2.11")
	clientIP = netip.MustParseAddr("192.0.2.100")
	epoch    = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
)

// never is a jitter that adds nothing, so that times are exact.
func never(time.Duration) time.Duration { return 0 }

// sim drives a machine over time and notes what it does.
type sim struct {
	*Machine
	now time.Time
	log []done
}

type done struct {
	at     time.Duration // since epoch
	action arp.Action
}

func newSim(mode ConflictMode, vips ...netip.Addr) *sim {
	s := &sim{Machine: NewMachine(Options{MAC: ourMAC, Conflict: mode, Jitter: never}), now: epoch}
	s.note(s.SetVIPs(s.now, vips))
	return s
}

func (s *sim) note(actions []arp.Action) {
	for _, a := range actions {
		s.log = append(s.log, done{s.now.Sub(epoch), a})
	}
}

// runTo lets time pass until at, exactly.
func (s *sim) runTo(at time.Duration) {
	end := epoch.Add(at)
	for next := s.Next(); !next.IsZero() && !next.After(end); next = s.Next() {
		if next.After(s.now) {
			s.now = next
		}
		s.note(s.Tick(s.now))
	}
	s.now = end
}

func (s *sim) receive(p arp.Packet) { s.note(s.Machine.Receive(s.now, p)) }

// times returns when packets that match were sent.
func (s *sim) times(match func(arp.Packet) bool) (at []time.Duration) {
	for _, d := range s.log {
		if a, ok := d.action.(arp.Send); ok && match(a.Packet) {
			at = append(at, d.at)
		}
	}
	return at
}

func (s *sim) events(kinds ...EventKind) (found []Event) {
	for _, d := range s.log {
		if e, ok := d.action.(Event); ok && slices.Contains(kinds, e.Kind) {
			found = append(found, e)
		}
	}
	return found
}

func (s *sim) state(addr netip.Addr) State {
	for _, st := range s.Status() {
		if st.VIP == addr {
			return st.State
		}
	}
	return ""
}

func isProbe(p arp.Packet) bool { return p.IsProbe() }
func isGratuitousRequest(p arp.Packet) bool {
	return p.Operation == arp.Request && p.SenderIP == p.TargetIP
}

func isGratuitousReply(p arp.Packet) bool {
	return p.Operation == arp.Reply && p.SenderIP == p.TargetIP && p.Destination == frame.Broadcast
}

func isAnswer(p arp.Packet) bool { return p.Operation == arp.Reply && p.Destination != frame.Broadcast }

func whoHas(addr netip.Addr) arp.Packet {
	return arp.Packet{
		Destination: frame.Broadcast, Source: clientMC, Operation: arp.Request,
		SenderMAC: clientMC, SenderIP: clientIP, TargetIP: addr,
	}
}

func claimOf(addr netip.Addr, mac frame.MAC) arp.Packet {
	return arp.Packet{
		Destination: ourMAC, Source: mac, Operation: arp.Reply,
		SenderMAC: mac, SenderIP: addr, TargetMAC: ourMAC, TargetIP: netip.IPv4Unspecified(),
	}
}

func probeOf(addr netip.Addr, mac frame.MAC) arp.Packet {
	return arp.Packet{
		Destination: frame.Broadcast, Source: mac, Operation: arp.Request,
		SenderMAC: mac, SenderIP: netip.IPv4Unspecified(), TargetIP: addr,
	}
}

func seconds(s ...float64) (d []time.Duration) {
	for _, v := range s {
		d = append(d, time.Duration(math.Round(v*1e3))*time.Millisecond)
	}
	return d
}

func TestClaimTimes(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(60 * time.Second)
	if diff := cmp.Diff(seconds(0, 1, 2), s.times(isProbe)); diff != "" {
		t.Errorf("probes (-want +got):\n%s", diff)
	}
	// Claimed at 4 s; then at 0, 0.1, 1.1 and 5 s, and the refresh 45 s later.
	want := seconds(4, 4.1, 5.1, 9, 54)
	if diff := cmp.Diff(want, s.times(isGratuitousRequest)); diff != "" {
		t.Errorf("gratuitous requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, s.times(isGratuitousReply)); diff != "" {
		t.Errorf("gratuitous replies (-want +got):\n%s", diff)
	}
	if got := s.state(vip1); got != Owned {
		t.Errorf("state = %s, want owned", got)
	}
}

func TestForms(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(4 * time.Second)
	zero := netip.IPv4Unspecified()
	var got []arp.Packet
	for _, d := range s.log {
		if a, ok := d.action.(arp.Send); ok {
			got = append(got, a.Packet)
		}
	}
	want := []arp.Packet{
		{Destination: frame.Broadcast, Source: ourMAC, Operation: arp.Request, SenderMAC: ourMAC, SenderIP: zero, TargetIP: vip1},
		{Destination: frame.Broadcast, Source: ourMAC, Operation: arp.Request, SenderMAC: ourMAC, SenderIP: vip1, TargetIP: vip1},
		{Destination: frame.Broadcast, Source: ourMAC, Operation: arp.Reply, SenderMAC: ourMAC, SenderIP: vip1, TargetMAC: ourMAC, TargetIP: vip1},
	}
	if len(got) != 5 {
		t.Fatalf("%d packets in 4 s, want three probes and two announcements", len(got))
	}
	if diff := cmp.Diff(want, got[2:], cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("last probe and announcements (-want +got):\n%s", diff)
	}
}

func TestAnswers(t *testing.T) {
	unicast := whoHas(vip1)
	unicast.Destination = ourMAC
	elsewhere := whoHas(vip1)
	elsewhere.Destination = otherMAC
	mismatch := whoHas(vip1)
	mismatch.Source = otherMAC
	fromUs := whoHas(vip1)
	fromUs.SenderMAC = ourMAC
	reflected := whoHas(vip1)
	reflected.Source = ourMAC
	group := whoHas(vip1)
	group.SenderMAC = frame.MAC{1, 0, 0x5e, 0, 0, 1}
	reply := whoHas(vip1)
	reply.Operation = arp.Reply
	inVIPsName := whoHas(vip1)
	inVIPsName.SenderIP = vip2
	tests := []struct {
		name   string
		in     arp.Packet
		answer bool
	}{
		{"broadcast", whoHas(vip1), true},
		{"unicast", unicast, true},
		{"probe", probeOf(vip1, clientMC), true},
		{"Ethernet source differs", mismatch, true},
		{"from a host that claims another VIP", inVIPsName, true},
		{"to another host", elsewhere, false},
		{"no VIP", whoHas(clientIP), false},
		{"our own MAC address as sender", fromUs, false},
		{"our own MAC address as source", reflected, false},
		{"group sender", group, false},
		{"reply", reply, false},
		{"other operation", func() arp.Packet { p := whoHas(vip1); p.Operation = 3; return p }(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(Refuse, vip1, vip2)
			s.runTo(20 * time.Second)
			s.log = nil
			s.receive(tt.in)
			var got []arp.Packet
			for _, d := range s.log {
				if a, ok := d.action.(arp.Send); ok && isAnswer(a.Packet) {
					got = append(got, a.Packet)
				}
			}
			if !tt.answer {
				if len(got) != 0 {
					t.Fatalf("answered: %+v", got)
				}
				return
			}
			want := arp.Packet{
				Destination: tt.in.SenderMAC, Source: ourMAC, Operation: arp.Reply,
				SenderMAC: ourMAC, SenderIP: vip1, TargetMAC: tt.in.SenderMAC, TargetIP: tt.in.SenderIP,
			}
			if len(got) != 1 || got[0] != want {
				t.Fatalf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestSilentWhileProbing(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(3900 * time.Millisecond)
	s.receive(whoHas(vip1))
	if got := s.times(isAnswer); len(got) != 0 {
		t.Errorf("answered at %v, before the claim", got)
	}
	s.runTo(4 * time.Second)
	s.receive(whoHas(vip1))
	if got := s.times(isAnswer); len(got) != 1 {
		t.Errorf("%d answers after the claim, want 1", len(got))
	}
}

func TestRefuse(t *testing.T) {
	for name, p := range map[string]arp.Packet{
		"reply":        claimOf(vip1, otherMAC),
		"probe":        probeOf(vip1, otherMAC),
		"announcement": {Destination: frame.Broadcast, Source: otherMAC, Operation: arp.Request, SenderMAC: otherMAC, SenderIP: vip1, TargetIP: vip1},
		"request":      {Destination: frame.Broadcast, Source: otherMAC, Operation: arp.Request, SenderMAC: otherMAC, SenderIP: vip1, TargetIP: clientIP},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(Refuse, vip1)
			s.runTo(1500 * time.Millisecond)
			s.receive(p)
			refused := s.events(Refused)
			if len(refused) != 1 || refused[0].MAC != otherMAC || string(refused[0].Claim) != name {
				t.Fatalf("events: %+v", refused)
			}
			if got := s.Status()[0]; got.State != NotClaimed || got.RefusedBy != otherMAC {
				t.Fatalf("status: %+v", got)
			}
			s.receive(whoHas(vip1))
			if len(s.times(isAnswer)) != 0 {
				t.Error("answered for a refused VIP")
			}
			// The defender answers once more, then is gone.
			s.runTo(31600 * time.Millisecond)
			if got := s.times(isProbe); got[len(got)-1] != 31500*time.Millisecond {
				t.Fatalf("probes at %v, want a new round 30 s after the conflict", got)
			}
			s.receive(claimOf(vip1, otherMAC))
			s.runTo(65 * time.Second)
			if got := s.state(vip1); got != NotClaimed {
				t.Fatalf("state %s during the second retry, want refused", got)
			}
			s.runTo(66 * time.Second)
			if got := s.state(vip1); got != Announcing {
				t.Fatalf("state %s after the defender went, want announcing", got)
			}
			if n := len(s.events(Refused)); n != 1 {
				t.Errorf("%d refusals reported for one defender, want 1", n)
			}
		})
	}
}

func TestTakeover(t *testing.T) {
	s := newSim(Takeover, vip1)
	s.runTo(time.Second)
	s.receive(claimOf(vip1, otherMAC))
	s.runTo(4 * time.Second)
	if got := s.state(vip1); got != Announcing {
		t.Errorf("state = %s, want announcing", got)
	}
	if got := s.events(Conflict); len(got) != 1 || got[0].MAC != otherMAC {
		t.Errorf("conflicts: %+v", got)
	}
}

func TestRealServerNeverRefuses(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.note(s.SetRealServers(s.now, map[frame.MAC]string{otherMAC: "web1"}))
	s.runTo(time.Second)
	s.receive(claimOf(vip1, otherMAC))
	s.runTo(4 * time.Second)
	if got := s.state(vip1); got != Announcing {
		t.Errorf("state = %s, want announcing", got)
	}
	if got := s.events(Conflict); len(got) != 1 || got[0].RealServer != "web1" {
		t.Errorf("conflicts: %+v", got)
	}
	if got := s.Status()[0].Claimants; len(got) != 1 || got[0].RealServer != "web1" {
		t.Errorf("claimants: %+v", got)
	}
}

// A real server whose MAC address is resolved only after it defended the VIP.
func TestRefusedThenKnownAsRealServer(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(time.Second)
	s.receive(claimOf(vip1, otherMAC))
	s.runTo(2 * time.Second)
	s.note(s.SetRealServers(s.now, map[frame.MAC]string{otherMAC: "web1"}))
	s.runTo(3 * time.Second)
	s.receive(claimOf(vip1, otherMAC))
	s.runTo(6 * time.Second)
	if got := s.state(vip1); got != Announcing {
		t.Errorf("state = %s, want announcing", got)
	}
}

func TestDefence(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(20 * time.Second)
	s.log = nil
	for at := 20; at <= 27; at++ {
		s.runTo(time.Duration(at) * time.Second)
		s.receive(claimOf(vip1, otherMAC))
	}
	s.runTo(45 * time.Second)
	// At once, and once more when the interval for the last claims is over.
	if diff := cmp.Diff(seconds(20, 30), s.times(isGratuitousRequest)); diff != "" {
		t.Errorf("defences (-want +got):\n%s", diff)
	}
	if got := s.events(Conflict); len(got) != 1 {
		t.Errorf("%d alarms for one claimant within a minute, want 1", len(got))
	}
	got := s.Status()[0].Claimants
	if len(got) != 1 || got[0].Count != 8 || got[0].First != epoch.Add(20*time.Second) || got[0].Last != epoch.Add(27*time.Second) {
		t.Errorf("claimants: %+v", got)
	}
}

func TestClaimantsAreBounded(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(20 * time.Second)
	for i := range 1000 {
		s.receive(claimOf(vip1, frame.MAC{2, 1, 0, 0, byte(i >> 8), byte(i)}))
	}
	st := s.Status()[0]
	if len(st.Claimants) != maxClaimants || st.Forgotten != 1000-maxClaimants {
		t.Errorf("%d claimants, %d forgotten", len(st.Claimants), st.Forgotten)
	}
	if got := len(s.events(Conflict)); got != maxAlarms {
		t.Errorf("%d alarms, want %d", got, maxAlarms)
	}
}

func TestReload(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(20 * time.Second)
	s.log = nil
	s.note(s.SetVIPs(s.now, []netip.Addr{vip2, netip.MustParseAddr("2001:db8::1")}))
	if len(s.log) != 0 {
		t.Errorf("removing a VIP said %+v", s.log)
	}
	s.receive(whoHas(vip1))
	s.runTo(30 * time.Second)
	s.receive(whoHas(vip2))
	if got := s.times(isAnswer); len(got) != 1 || got[0] != 30*time.Second {
		t.Errorf("answers at %v, want only the one for the new VIP", got)
	}
	if got := s.Status(); len(got) != 1 || got[0].VIP != vip2 {
		t.Errorf("status: %+v", got)
	}
}

func TestAnnounceAndLink(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(20 * time.Second)
	s.note(s.SetLink(s.now, false))
	s.log = nil
	s.runTo(100 * time.Second)
	if len(s.log) != 0 {
		t.Errorf("said something while the link was down: %+v", s.log)
	}
	s.note(s.SetLink(s.now, true))
	s.runTo(110 * time.Second)
	s.note(s.Announce(s.now))
	s.runTo(120 * time.Second)
	want := seconds(100, 100.1, 101.1, 105, 110, 110.1, 111.1, 115)
	if diff := cmp.Diff(want, s.times(isGratuitousRequest)); diff != "" {
		t.Errorf("announcements (-want +got):\n%s", diff)
	}
}

// A VIP whose probes could not be sent is not claimed unasked.
func TestProbesAgainAfterLinkDown(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(1500 * time.Millisecond)
	s.SetLink(s.now, false)
	s.runTo(50 * time.Second)
	s.log = nil
	s.note(s.SetLink(s.now, true))
	s.runTo(60 * time.Second)
	if diff := cmp.Diff(seconds(50, 51, 52), s.times(isProbe)); diff != "" {
		t.Errorf("probes (-want +got):\n%s", diff)
	}
}

func TestSetMAC(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(20 * time.Second)
	s.log = nil
	s.note(s.SetMAC(s.now, otherMAC, otherMAC))
	s.receive(whoHas(vip1))
	for _, d := range s.log {
		if p := d.action.(arp.Send).Packet; p.SenderMAC != otherMAC || p.Source != otherMAC {
			t.Errorf("sent with the old MAC address: %+v", p)
		}
	}
	if len(s.log) != 3 {
		t.Errorf("%d packets, want an announcement in two forms and an answer", len(s.log))
	}
}

func TestLateTickAnnouncesOnce(t *testing.T) {
	s := newSim(Refuse, vip1)
	s.runTo(4 * time.Second)
	s.log = nil
	s.now = epoch.Add(time.Minute)
	s.note(s.Tick(s.now))
	if got := len(s.log); got != 2 {
		t.Errorf("%d packets after a pause of a minute, want one announcement in two forms", got)
	}
}
