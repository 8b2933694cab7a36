package arp_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"lvsdr/arp"
	"lvsdr/arp/arptest"
	"lvsdr/frame"
)

var (
	ourMAC     = frame.MAC{2, 0, 0, 0, 0, 1}
	virtualMAC = frame.MAC{0, 0, 0x5e, 0, 1, 51}
	ourIP      = netip.MustParseAddr("192.0.2.1")
	otherIP    = netip.MustParseAddr("192.0.2.2")
)

// news is the event of the echo machine.
type news string

func (news) ARPAction() {}

// echo is a machine that sends a request every period while the link is up, and
// tells what it is told.
type echo struct {
	period   time.Duration
	mac, own frame.MAC
	up       bool
	next     time.Time

	received, malformed int
}

func (e *echo) SetMAC(_ time.Time, mac, own frame.MAC) []arp.Action {
	e.mac, e.own = mac, own
	return nil
}

func (e *echo) SetLink(now time.Time, up bool) []arp.Action {
	if e.up == up {
		return nil
	}
	e.up, e.next = up, now
	if !up {
		e.next = time.Time{}
		return []arp.Action{news("down"), arp.Send{Packet: e.request()}}
	}
	return []arp.Action{news("up")}
}

func (e *echo) Receive(time.Time, arp.Packet) []arp.Action {
	e.received++
	return []arp.Action{news("received")}
}

func (e *echo) Malformed() { e.malformed++ }

func (e *echo) Tick(now time.Time) []arp.Action {
	if !arp.Due(now, e.next) {
		return nil
	}
	e.next = now.Add(e.period)
	return []arp.Action{arp.Send{Packet: e.request()}}
}

func (e *echo) Next() time.Time { return e.next }

func (e *echo) request() arp.Packet {
	return arp.Packet{
		Destination: frame.Broadcast, Source: e.mac, Operation: arp.Request,
		SenderMAC: e.mac, SenderIP: ourIP, TargetIP: otherIP,
	}
}

// station is an echo machine's, on a segment of package arptest.
type station struct {
	*arp.Station[news]
	machine *echo
	socket  *arptest.Socket
	told    []news
	began   time.Time
	result  <-chan error
	cancel  func()
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func etherNamed(name string) *net.Interface {
	return &net.Interface{Name: name, HardwareAddr: ourMAC[:]}
}

func newStation(t *testing.T) *station {
	t.Helper()
	s := &station{machine: &echo{period: 3 * time.Second}, socket: arptest.NewSocket()}
	s.Station = arp.NewStation(arp.Config[news]{
		Machine: s.machine, Purpose: "echo", Log: quiet(),
		Report: func(n news) {
			s.SendErrors() // must not deadlock
			s.told = append(s.told, n)
		},
		Listen: func(ifi *net.Interface, mac frame.MAC) (arp.Socket, error) {
			return s.socket.Listen(ifi, mac)
		},
	})
	if err := s.Open(etherNamed("fake"), frame.MAC{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs the station, at which time begins.
func (s *station) run(t *testing.T) {
	t.Helper()
	s.began = time.Now()
	s.result, s.cancel = arptest.Run(t, s.Run)
	synctest.Wait()
}

func (s *station) sent() (at []time.Duration) {
	synctest.Wait()
	for _, p := range s.socket.Take() {
		at = append(at, p.At.Sub(s.began))
	}
	return at
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestStationRunsTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.run(t)
		time.Sleep(7 * time.Second)
		same(t, "sent", []time.Duration{0, 3 * time.Second, 6 * time.Second}, s.sent())
		p := s.machine.request()
		s.socket.Deliver(arptest.Encode(t, p))
		s.socket.Deliver(make([]byte, 60))
		synctest.Wait()
		s.Look(func() {
			same(t, "received and malformed", [2]int{1, 1}, [2]int{s.machine.received, s.machine.malformed})
		})
		// A change is acted upon at once.
		s.Change(func(time.Time) []arp.Action { return []arp.Action{news("changed"), arp.Send{Packet: p}} })
		same(t, "sent", []time.Duration{7 * time.Second}, s.sent())
		s.cancel()
		if err := <-s.result; err != nil {
			t.Errorf("Run = %v", err)
		}
		same(t, "told", []news{"up", "received", "changed"}, s.told)
		if err := s.Run(t.Context()); !errors.Is(err, arp.ErrNotOpen) {
			t.Errorf("second Run = %v, want ErrNotOpen", err)
		}
	})
}

func TestStationLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.run(t)
		defer s.cancel()
		s.sent()

		s.socket.SetLink(false, nil)
		s.socket.Fail(unix.ENETDOWN)
		time.Sleep(100 * time.Second)
		same(t, "sent while the link was down", nil, s.sent())
		same(t, "frames not taken", uint64(1), s.SendErrors())
		s.socket.SetLink(true, nil)
		back := time.Since(s.began)
		time.Sleep(200 * time.Millisecond)
		if got := s.sent(); len(got) != 1 || got[0]-back > 200*time.Millisecond {
			t.Errorf("sent at %v, want within 0.2 s of %v, when the link came back", got, back)
		}
		// Carrier loss ends no read.
		s.socket.SetLink(false, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		s.Look(func() { same(t, "up", false, s.machine.up) })
		s.socket.SetLink(true, nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		same(t, "told", []news{"up", "down", "up", "down", "up"}, s.told)
		// Down and up between two looks.
		s.sent()
		s.socket.Fail(unix.ENETDOWN)
		flap := time.Since(s.began)
		same(t, "sent when told of down and up", []time.Duration{flap, flap}, s.sent())
	})
}

func TestStationRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.run(t)
		defer s.cancel()
		s.socket = arptest.NewSocket()
		if err := s.Open(etherNamed("other"), frame.MAC{}); err == nil {
			t.Error("opened another interface while running")
		}
		if err := s.Run(t.Context()); err == nil || errors.Is(err, arp.ErrNotOpen) {
			t.Errorf("second Run = %v, want that it is running", err)
		}
	})
}

func TestStationReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.run(t)
		s.sent()
		s.socket.SetLink(false, arp.ErrInterfaceGone)
		if err := <-s.result; !errors.Is(err, arp.ErrInterfaceGone) {
			t.Errorf("Run = %v, want ErrInterfaceGone", err)
		}
		// Nothing runs: events wait, packets do not.
		s.Change(func(time.Time) []arp.Action { return []arp.Action{news("waits")} })
		if err := s.Open(etherNamed("again"), virtualMAC); err != nil {
			t.Fatal(err)
		}
		same(t, "name", "again", s.Interface())
		same(t, "addresses", [2]frame.MAC{virtualMAC, ourMAC}, [2]frame.MAC{s.machine.mac, s.machine.own})
		s.run(t)
		same(t, "sent", []time.Duration{0}, s.sent())
		same(t, "told", []news{"up", "down", "waits", "up"}, s.told)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-s.result; !errors.Is(err, arp.ErrNotOpen) {
			t.Errorf("Run = %v after Close, want ErrNotOpen", err)
		}
	})
}

func TestStationFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t)
		s.run(t)
		s.socket.Fail(unix.EINVAL)
		if err := <-s.result; !errors.Is(err, unix.EINVAL) {
			t.Errorf("Run = %v, want EINVAL", err)
		}
	})
}

func TestOpenChecks(t *testing.T) {
	for _, tt := range []struct {
		name string
		ifi  *net.Interface
		mac  frame.MAC
	}{
		{"no interface", nil, frame.MAC{}},
		{"not Ethernet", &net.Interface{Name: "tun0"}, frame.MAC{}},
		{"group address", etherNamed("eth0"), frame.Broadcast},
		{"no such device", &net.Interface{Name: "eth0", Index: 1 << 30, HardwareAddr: ourMAC[:]}, frame.MAC{}},
	} {
		s := arp.NewStation(arp.Config[news]{Machine: &echo{}, Purpose: "echo"})
		if err := s.Open(tt.ifi, tt.mac); err == nil {
			t.Errorf("%s: no error", tt.name)
			_ = s.Close()
		}
	}
}
