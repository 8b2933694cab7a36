package arpresponder

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/ethernet"

	"lvsdr/arp"
	"lvsdr/arp/arptest"
	"lvsdr/frame"
	"lvsdr/lab"
)

// segment is a LAN on which only the director is to answer for vip1:
//
//	client .100      director .1      other .50
//	    └───────────────┼────────────────┘
//	                   lan
type segment struct {
	lan                     *lab.Switch
	client, director, other *lab.Link
	hosts                   map[*lab.Link]*lab.Host
}

func newSegment(t *testing.T) *segment {
	t.Helper()
	l := lab.ForTest(t)
	s := &segment{lan: l.Switch("lan"), hosts: map[*lab.Link]*lab.Host{}}
	connect := func(name, prefix string) *lab.Link {
		h := l.Host(name)
		link := l.Connect(h, s.lan, lab.LinkConfig{Addrs: lab.MustPrefixes(prefix)})
		s.hosts[link] = h
		return link
	}
	s.client = connect("client", "192.0.2.100/24")
	s.director = connect("director", "192.0.2.1/24")
	s.other = connect("other", "192.0.2.50/24")
	return s
}

// netInterface is the director's interface as it is now.
func (s *segment) netInterface(t *testing.T) (ifi *net.Interface) {
	t.Helper()
	err := s.hosts[s.director].Do(func() (err error) {
		ifi, err = net.InterfaceByName(s.director.Name())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ifi
}

// answering is a responder that runs on the segment.
type answering struct {
	*Responder
	events chan Event
	result <-chan error
	cancel func()
}

// respond runs a responder without random delays for vip1.
func (s *segment) respond(t *testing.T, c Config) *answering {
	t.Helper()
	a := &answering{events: make(chan Event, 100)}
	c.Interface = s.netInterface(t)
	c.VIPs = []netip.Addr{vip1}
	c.Events = func(e Event) { a.events <- e }
	c.jitter = never
	err := s.hosts[s.director].Do(func() (err error) {
		a.Responder, err = New(c)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a.run(t)
	return a
}

// run runs the responder until the test ends.
func (a *answering) run(t *testing.T) {
	a.result, a.cancel = arptest.Run(t, a.Run)
}

// await waits for an event of a kind.
func (a *answering) await(t *testing.T, kind EventKind) Event {
	t.Helper()
	timeout := time.After(15 * time.Second)
	for {
		select {
		case e := <-a.events:
			t.Logf("%s: %v", e.Kind, e)
			if e.Kind == kind {
				return e
			}
		case err := <-a.result:
			t.Fatalf("Run = %v while waiting for %s", err, kind)
		case <-timeout:
			t.Fatalf("no event %s", kind)
		}
	}
}

// arpIn returns the ARP packet in a captured frame.
func arpIn(f lab.Frame) (arp.Packet, bool) {
	p, err := arp.Decode(f.Data)
	return p, err == nil
}

// ask injects a request at the client and returns the MAC address in the answer.
func (s *segment) ask(t *testing.T, to frame.MAC) frame.MAC {
	t.Helper()
	wire := s.client.Capture()
	defer wire.Close()
	mac := frame.MAC(s.client.MAC())
	p := arp.Packet{
		Destination: to, Source: mac, Operation: arp.Request,
		SenderMAC: mac, SenderIP: clientIP, TargetIP: vip1,
	}
	if err := s.client.Inject(arptest.Encode(t, p)); err != nil {
		t.Fatal(err)
	}
	f, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool {
		p, ok := arpIn(f)
		return ok && p.Operation == arp.Reply && p.SenderIP == vip1 && p.Destination == mac
	})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := arpIn(f)
	if got.Source != got.SenderMAC {
		t.Errorf("answer from %s says %s", got.Source, got.SenderMAC)
	}
	return got.SenderMAC
}

// learn makes the client's kernel resolve the VIP and returns the result.
func (s *segment) learn(t *testing.T) frame.MAC {
	t.Helper()
	c, err := s.hosts[s.client].Dial(t.Context(), "udp", netip.AddrPortFrom(vip1, 9).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	return s.cached(t, func(m frame.MAC) bool { return !m.IsZero() })
}

// cached waits until the client's ARP cache holds a MAC address that matches.
func (s *segment) cached(t *testing.T, match func(frame.MAC) bool) (mac frame.MAC) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if hw := s.hosts[s.client].Neighbor(vip1); hw != nil {
			if mac = frame.MAC(hw); match(mac) {
				return mac
			}
		}
	}
	t.Fatalf("the client's ARP cache says %s", mac)
	return mac
}

func TestLANOnlyTheResponderAnswers(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	r := s.respond(t, Config{})
	r.await(t, Claimed)
	want := frame.MAC(s.director.MAC())
	wire := s.client.Capture()
	if got := s.learn(t); got != want {
		t.Errorf("the client learned %s, want %s", got, want)
	}
	if got := s.ask(t, frame.Broadcast); got != want {
		t.Errorf("broadcast request answered by %s, want %s", got, want)
	}
	// A request with a VLAN tag is of another LAN, whatever its address.
	mac := frame.MAC(s.client.MAC())
	tagged := whoHas(vip1)
	tagged.SenderMAC, tagged.Source = mac, mac
	b := arptest.Encode(t, tagged)
	f := ethernet.Frame{
		Destination: b[:6], Source: b[6:12], VLAN: &ethernet.VLAN{ID: 5},
		EtherType: ethernet.EtherTypeARP, Payload: b[14:],
	}
	b, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	before := r.Stats().Received
	if err := s.client.Inject(b); err != nil {
		t.Fatal(err)
	}
	// An answer to the unicast request that follows it shows that it was passed over.
	if got := s.ask(t, want); got != want {
		t.Errorf("unicast request answered by %s, want %s", got, want)
	}
	if got := r.Stats().Received; got != before+1 {
		t.Errorf("%d frames received, want only the untagged one", got-before)
	}
	for _, f := range wire.Frames() {
		if p, ok := arpIn(f); ok && p.SenderIP == vip1 && p.SenderMAC != want {
			t.Errorf("%s answered for the VIP", p.SenderMAC)
		}
	}
}

func TestLANVirtualMAC(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	virtual := frame.MAC{0, 0, 0x5e, 0, 1, 51}
	r := s.respond(t, Config{MAC: virtual})
	r.await(t, Claimed)
	if got := s.ask(t, frame.Broadcast); got != virtual {
		t.Errorf("answered by %s, want the virtual MAC address", got)
	}
	if got := s.ask(t, virtual); got != virtual {
		t.Errorf("unicast request answered by %s, want the virtual MAC address", got)
	}
	if got, want := s.lan.Port(virtual[:]), s.director.Peer.Name(); got != want {
		t.Errorf("the switch has the virtual MAC address on %q, want %q", got, want)
	}
}

// The VIP moves while the client's entry for it is younger than its locktime
// of 1 s.
func TestLANLearnedWithinLocktime(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	s.other.AddAddr(netip.PrefixFrom(vip1, 32))
	wire := s.director.Capture()
	r := s.respond(t, Config{Conflict: Takeover})
	if e := r.await(t, Conflict); e.MAC != frame.MAC(s.other.MAC()) {
		t.Errorf("named %s", e.MAC)
	}
	r.await(t, Claimed)
	// Between the third and the fourth announcement nothing is said for 3.9 s.
	_, err := wire.WaitFor(t.Context(), func(lab.Frame) bool {
		return wire.Count(func(f lab.Frame) bool { p, ok := arpIn(f); return ok && isGratuitousRequest(p) }) == 3
	})
	if err != nil {
		t.Fatal(err)
	}
	deaf := s.director.Drop(lab.Match{Direction: lab.FromPeer})
	s.hosts[s.client].FlushNeighbors()
	learned := time.Now()
	if got, want := s.learn(t), frame.MAC(s.other.MAC()); got != want {
		t.Fatalf("the client learned %s, want %s, which has the VIP", got, want)
	}
	deaf.Remove()
	r.Announce()
	want := frame.MAC(s.director.MAC())
	s.cached(t, func(m frame.MAC) bool { return m == want })
	if took := time.Since(learned); took > 900*time.Millisecond {
		t.Errorf("the client follows after %v, want it within the locktime", took)
	}
}

func TestLANRefuse(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	s.other.AddAddr(netip.PrefixFrom(vip1, 32))
	r := s.respond(t, Config{Conflict: Refuse})
	other := frame.MAC(s.other.MAC())
	if e := r.await(t, Refused); e.MAC != other || e.Claim != ByReply {
		t.Errorf("event %+v", e)
	}
	if got := s.learn(t); got != other {
		t.Errorf("the client learned %s, want %s, which defends the VIP", got, other)
	}
	if st := r.Status()[0]; st.State != NotClaimed || st.RefusedBy != other || len(st.Claimants) != 1 {
		t.Errorf("status %+v", st)
	}
	// It turns out to be one of our own real servers: claimed all the same.
	r.SetRealServers(map[frame.MAC]string{other: "web1"})
	if e := r.await(t, Claimed); e.VIP != vip1 {
		t.Errorf("event %+v", e)
	}
	if st := r.Status()[0]; len(st.Claimants) != 1 || st.Claimants[0].RealServer != "web1" {
		t.Errorf("status %+v", st)
	}
}

// A host that announces the VIP when it is ours is named, and its word undone.
func TestLANDefends(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	r := s.respond(t, Config{})
	r.await(t, Claimed)
	s.learn(t)
	other := frame.MAC(s.other.MAC())
	p := arp.Packet{
		Destination: frame.Broadcast, Source: other, Operation: arp.Request,
		SenderMAC: other, SenderIP: vip1, TargetIP: vip1,
	}
	if err := s.other.Inject(arptest.Encode(t, p)); err != nil {
		t.Fatal(err)
	}
	if e := r.await(t, Conflict); e.MAC != other || e.Claim != ByAnnouncement {
		t.Errorf("event %+v", e)
	}
	r.await(t, Defended)
	want := frame.MAC(s.director.MAC())
	s.cached(t, func(m frame.MAC) bool { return m == want })
}

func TestLANInterfaceDownAndRecreated(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	r := s.respond(t, Config{})
	r.await(t, Claimed)
	announced := func(wire *lab.Capture, from frame.MAC) {
		t.Helper()
		_, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool {
			p, ok := arpIn(f)
			return ok && isGratuitousRequest(p) && bytes.Equal(f.Src(), from[:])
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mac := frame.MAC(s.director.MAC())
	for name, down := range map[string]*lab.Interface{"down": s.director.Interface, "carrier": s.director.Peer} {
		t.Logf("%s lost", name)
		down.Down()
		for up := true; up; time.Sleep(5 * time.Millisecond) {
			r.station.Look(func() { up = !r.machine.down })
		}
		wire := s.client.Capture()
		down.Up()
		announced(wire, mac)
		if got := s.ask(t, frame.Broadcast); got != mac {
			t.Errorf("answered by %s after the link came back", got)
		}
	}

	s.director.Delete()
	if err := <-r.result; !errors.Is(err, arp.ErrInterfaceGone) {
		t.Fatalf("Run = %v, want ErrInterfaceGone", err)
	}
	mac = frame.MAC{2, 0, 0, 0, 0xdd, 1}
	s.director.Recreate(mac[:])
	ifi := s.netInterface(t)
	if err := s.hosts[s.director].Do(func() error { return r.Reopen(ifi, frame.MAC{}) }); err != nil {
		t.Fatal(err)
	}
	wire := s.client.Capture()
	r.run(t)
	announced(wire, mac)
	if got := s.ask(t, mac); got != mac {
		t.Errorf("answered by %s after the interface was made again", got)
	}
}
