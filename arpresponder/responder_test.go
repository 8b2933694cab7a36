package arpresponder

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/arp"
	"lvsdr/arp/arptest"
)

// fakeInterface is where the responders of these tests are.
var fakeInterface = &net.Interface{Name: "fake", HardwareAddr: ourMAC[:]}

// newForTest returns a responder for vip1 on a segment with nobody else on it.
func newForTest(t *testing.T, events func(Event)) (*Responder, *arptest.Socket) {
	t.Helper()
	socket := arptest.NewSocket()
	r, err := New(Config{
		Interface: fakeInterface, VIPs: []netip.Addr{vip1}, Events: events,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), jitter: never, Listen: socket.Listen,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, socket
}

func TestResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []Event
		var r *Responder
		r, socket := newForTest(t, func(e Event) {
			r.Status() // must not deadlock
			events = append(events, e)
		})
		result, cancel := arptest.Run(t, r.Run)
		began := time.Now()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		sent := socket.Take()
		if len(sent) != 11 { // 3 probes, 4 announcements in two forms
			t.Fatalf("%d packets in 10 s: %+v", len(sent), sent)
		}
		for i, want := range seconds(0, 1, 2, 4, 4, 4.1, 4.1, 5.1, 5.1, 9, 9) {
			if got := sent[i].At.Sub(began); got != want {
				t.Errorf("packet %d at %v, want %v", i, got, want)
			}
		}
		socket.Deliver(arptest.Encode(t, whoHas(vip1)))
		socket.Deliver(make([]byte, 60))
		synctest.Wait()
		if got := socket.Take(); len(got) != 1 || !isAnswer(got[0].Packet) {
			t.Errorf("sent %+v, want an answer", got)
		}
		if got := r.Stats(); got.Answered != 1 || got.Malformed != 1 || got.Received != 2 {
			t.Errorf("stats %+v", got)
		}
		r.Announce()
		synctest.Wait()
		if got := socket.Take(); len(got) != 2 {
			t.Errorf("sent %+v, want an announcement at once", got)
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
		if len(events) != 1 || events[0].Kind != Claimed {
			t.Errorf("events %+v", events)
		}
	})
}

// On the successor of an interface nothing is probed, and everything announced.
func TestResponderReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, socket := newForTest(t, nil)
		result, cancel := arptest.Run(t, r.Run)
		defer cancel()
		time.Sleep(10 * time.Second)
		socket.Take()
		socket.SetLink(false, arp.ErrInterfaceGone)
		if err := <-result; !errors.Is(err, arp.ErrInterfaceGone) {
			t.Errorf("Run = %v, want ErrInterfaceGone", err)
		}
		if err := r.Reopen(fakeInterface, otherMAC); err != nil {
			t.Fatal(err)
		}
		result, cancel = arptest.Run(t, r.Run)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := socket.Take()
		if len(got) != 6 {
			t.Errorf("%d packets on the new interface, want 3 announcements in two forms", len(got))
		}
		for _, p := range got {
			if p.SenderIP != vip1 || p.TargetIP != vip1 || p.SenderMAC != otherMAC {
				t.Errorf("sent %+v on the new interface", p)
			}
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
