package neighbor

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"lvsdr/arp"
	"lvsdr/arp/arptest"
	"lvsdr/frame"
	"lvsdr/lab"
)

// segment is a LAN with one real server and one forger:
//
//	director .1      web1 .21      evil .66
//	    └──────────────┼──────────────┘
//	                  lan
type segment struct {
	director, web1, evil *lab.Link
	directorHost         *lab.Host
}

func newSegment(t *testing.T) *segment {
	t.Helper()
	l := lab.ForTest(t)
	s, lan := &segment{directorHost: l.Host("director")}, l.Switch("lan")
	connect := func(h *lab.Host, prefix string) *lab.Link {
		return l.Connect(h, lan, lab.LinkConfig{Addrs: lab.MustPrefixes(prefix)})
	}
	s.director = connect(s.directorHost, "192.0.2.1/24")
	s.web1 = connect(l.Host("web1"), "192.0.2.21/24")
	s.evil = connect(l.Host("evil"), "192.0.2.66/24")
	return s
}

// netInterface is the director's interface as it is now.
func (s *segment) netInterface(t *testing.T) (ifi *net.Interface) {
	t.Helper()
	err := s.directorHost.Do(func() (err error) {
		ifi, err = net.InterfaceByName(s.director.Name())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ifi
}

// resolving is a resolver that runs on the segment.
type resolving struct {
	*Resolver
	events chan Event
	result <-chan error
}

func (s *segment) resolve(t *testing.T, source netip.Addr) *resolving {
	t.Helper()
	r := &resolving{events: make(chan Event, 100)}
	c := Config{
		Interface: s.netInterface(t), Source: source,
		Events: func(e Event) { r.events <- e },
	}
	err := s.directorHost.Do(func() (err error) {
		r.Resolver, err = New(c)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Set([]netip.Addr{web1})
	r.run(t)
	return r
}

// run runs the resolver until the test ends.
func (r *resolving) run(t *testing.T) {
	r.result, _ = arptest.Run(t, r.Run)
}

// await waits for the next event, which must be of that kind.
func (r *resolving) await(t *testing.T, kind EventKind) Event {
	t.Helper()
	select {
	case e := <-r.events:
		t.Logf("%s: %v", e.Kind, e)
		if e.Kind != kind {
			t.Fatalf("event %s, want %s", e.Kind, kind)
		}
		return e
	case err := <-r.result:
		t.Fatalf("Run = %v while waiting for %s", err, kind)
	case <-time.After(15 * time.Second):
		t.Fatalf("no event %s", kind)
	}
	return Event{}
}

func TestLANResolve(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]netip.Addr{"own address": ourIP, "probe": {}} {
		t.Run(name, func(t *testing.T) {
			s := newSegment(t)
			r := s.resolve(t, source)
			if e := r.await(t, Resolved); e.MAC != frame.MAC(s.web1.MAC()) {
				t.Errorf("resolved to %s", e.MAC)
			}
		})
	}
}

// A server that gets another MAC address, and says so, is followed within 2 s.
func TestLANServerMoves(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	r := s.resolve(t, ourIP)
	r.await(t, Resolved)
	moved := frame.MAC{2, 0, 0, 0, 0xdd, 1}
	s.web1.Down()
	s.web1.SetMAC(moved[:])
	s.web1.Up()
	announced := time.Now()
	if err := s.web1.Inject(arptest.Encode(t, gratuitous(moved, web1))); err != nil {
		t.Fatal(err)
	}
	if e := r.await(t, Changed); e.MAC != moved {
		t.Errorf("moved to %s, want %s", e.MAC, moved)
	}
	if took := time.Since(announced); took > 2*time.Second {
		t.Errorf("followed after %v", took)
	}
}

func TestLANForgedIsIgnored(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	r := s.resolve(t, ourIP)
	r.await(t, Resolved)
	want, evil := frame.MAC(s.web1.MAC()), frame.MAC(s.evil.MAC())
	p := replyFrom(evil, web1)
	p.Destination = frame.MAC(s.director.MAC())
	p.TargetMAC = p.Destination
	// evil does not have the address, so its kernel does not answer for it.
	if err := s.evil.Inject(arptest.Encode(t, p)); err != nil {
		t.Fatal(err)
	}
	if e := r.await(t, Spoofed); e.Other != evil || e.MAC != want {
		t.Errorf("event %+v", e)
	}
	// Now it does: both answer, and the one that was there first is kept.
	s.evil.AddAddr(netip.PrefixFrom(web1, 32))
	if err := s.evil.Inject(arptest.Encode(t, p)); err != nil {
		t.Fatal(err)
	}
	if e := r.await(t, Conflict); e.Other != evil || e.MAC != want {
		t.Errorf("event %+v", e)
	}
	if mac, ok := r.Lookup(web1); !ok || mac != want {
		t.Errorf("the server is at %s, want %s", mac, want)
	}
	e := r.Snapshot()[0]
	if e.Conflict != evil || e.LastSpoofer != evil || e.Spoofed != 1 {
		t.Errorf("snapshot %+v", e)
	}
}

func TestLANServerAppears(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	s.web1.Down()
	r := s.resolve(t, ourIP)
	r.await(t, Failed)
	s.web1.Up()
	r.await(t, Resolved)
}

func TestLANInterfaceDownAndRecreated(t *testing.T) {
	t.Parallel()
	s := newSegment(t)
	r := s.resolve(t, ourIP)
	r.await(t, Resolved)
	server := frame.MAC(s.web1.MAC())
	asked := func(wire *lab.Capture, from frame.MAC) {
		t.Helper()
		_, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool {
			p, err := arp.Decode(f.Data)
			return err == nil && p.Operation == arp.Request && p.TargetIP == web1 && p.Destination == server && p.Source == from
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.director.Down()
	for up := true; up; time.Sleep(5 * time.Millisecond) {
		r.station.Look(func() { up = !r.machine.down })
	}
	wire := s.web1.Capture()
	s.director.Up()
	asked(wire, frame.MAC(s.director.MAC()))

	s.director.Delete()
	if err := <-r.result; !errors.Is(err, arp.ErrInterfaceGone) {
		t.Fatalf("Run = %v, want ErrInterfaceGone", err)
	}
	mac := frame.MAC{2, 0, 0, 0, 0xdd, 1}
	s.director.Recreate(mac[:])
	ifi := s.netInterface(t)
	if err := s.directorHost.Do(func() error { return r.Reopen(ifi, frame.MAC{}) }); err != nil {
		t.Fatal(err)
	}
	r.run(t)
	asked(wire, mac)
	// Same server, same MAC address: nothing to report.
	select {
	case e := <-r.events:
		t.Errorf("event %+v", e)
	default:
	}
}
