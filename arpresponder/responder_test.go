package arpresponder

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// fakeSocket is a segment with nobody on it but the test.
type fakeSocket struct {
	in   chan []byte
	errs chan error
	wake chan struct{}
	shut chan struct{}

	mu       sync.Mutex
	deadline time.Time
	sent     []Packet
	at       []time.Time
	link     error // what Up returns
	up       bool
}

func newFakeSocket() *fakeSocket {
	return &fakeSocket{
		in: make(chan []byte), errs: make(chan error), wake: make(chan struct{}, 1),
		shut: make(chan struct{}), up: true,
	}
}

func (f *fakeSocket) Read(b []byte) (int, error) {
	for {
		f.mu.Lock()
		left := time.Until(f.deadline)
		f.mu.Unlock()
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		select {
		case p := <-f.in:
			return copy(b, p), nil
		case err := <-f.errs:
			return 0, err
		case <-f.shut:
			return 0, net.ErrClosed
		case <-timer.C:
		case <-f.wake:
		}
		timer.Stop()
	}
}

func (f *fakeSocket) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.up {
		return 0, unix.ENETDOWN
	}
	p, err := Decode(b)
	if err != nil {
		return 0, err
	}
	f.sent, f.at = append(f.sent, p), append(f.at, time.Now())
	return len(b), nil
}

func (f *fakeSocket) SetReadDeadline(t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deadline = t
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return nil
}

func (f *fakeSocket) Up() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up, f.link
}

func (f *fakeSocket) Close() error { close(f.shut); return nil }

func (f *fakeSocket) setLink(up bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up, f.link = up, err
}

// take returns the packets sent since the last call.
func (f *fakeSocket) take() []Packet {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := f.sent
	f.sent, f.at = nil, nil
	return sent
}

// run lets a responder for vip1 run on a fake socket.
func run(t *testing.T, r *Responder) (f *fakeSocket, result chan error, cancel func()) {
	t.Helper()
	f = newFakeSocket()
	r.sock = f
	ctx, cancel := context.WithCancel(t.Context())
	result = make(chan error, 1)
	go func() { result <- r.Run(ctx) }()
	return f, result, cancel
}

func newForTest(events func(Event)) *Responder {
	return newResponder(Config{
		Interface: &net.Interface{Name: "fake"}, VIPs: []netip.Addr{vip1}, Events: events,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, NewMachine(Options{MAC: ourMAC, Jitter: never}))
}

func TestResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []Event
		var r *Responder
		r = newForTest(func(e Event) {
			r.Status() // must not deadlock
			events = append(events, e)
		})
		f, result, cancel := run(t, r)
		began := time.Now()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(f.at) != 11 { // 3 probes, 4 announcements in two forms
			t.Fatalf("%d packets in 10 s: %+v", len(f.at), f.sent)
		}
		for i, want := range seconds(0, 1, 2, 4, 4, 4.1, 4.1, 5.1, 5.1, 9, 9) {
			if got := f.at[i].Sub(began); got != want {
				t.Errorf("packet %d at %v, want %v", i, got, want)
			}
		}
		f.take()
		f.in <- encode(t, whoHas(vip1))
		f.in <- make([]byte, 60)
		synctest.Wait()
		if got := f.take(); len(got) != 1 || !isAnswer(got[0]) {
			t.Errorf("sent %+v, want an answer", got)
		}
		if got := r.Stats(); got.Answered != 1 || got.Malformed != 1 || got.Received != 2 {
			t.Errorf("stats %+v", got)
		}
		r.Announce()
		synctest.Wait()
		if got := f.take(); len(got) != 2 {
			t.Errorf("sent %+v, want an announcement at once", got)
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
		if len(events) != 1 || events[0].Kind != Claimed {
			t.Errorf("events %+v", events)
		}
		if err := r.Run(t.Context()); !errors.Is(err, ErrNotOpen) {
			t.Errorf("second Run = %v, want ErrNotOpen", err)
		}
	})
}

func TestResponderLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newForTest(nil)
		f, result, cancel := run(t, r)
		defer cancel()
		time.Sleep(10 * time.Second)
		f.setLink(false, nil)
		f.errs <- unix.ENETDOWN
		r.Announce()
		time.Sleep(100 * time.Second)
		synctest.Wait()
		f.take()
		f.setLink(true, nil)
		time.Sleep(linkCheckDown)
		synctest.Wait()
		if got := f.take(); len(got) < 2 || !isGratuitousRequest(got[0]) {
			t.Errorf("sent %+v when the link came back, want announcements", got)
		}
		// Down and up between two looks.
		time.Sleep(10 * time.Second)
		f.take()
		f.errs <- unix.ENETDOWN
		synctest.Wait()
		if got := f.take(); len(got) != 2 {
			t.Errorf("sent %+v after a flap, want an announcement", got)
		}
		f.setLink(false, ErrInterfaceGone)
		if err := <-result; !errors.Is(err, ErrInterfaceGone) {
			t.Errorf("Run = %v, want ErrInterfaceGone", err)
		}
		// The successor: nothing is probed, everything announced.
		f = newFakeSocket()
		r.mu.Lock()
		r.sock = f
		r.mu.Unlock()
		r.machine.SetMAC(time.Now(), otherMAC)
		go func() { result <- r.Run(t.Context()) }()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got := f.take()
		if len(got) == 0 || !isGratuitousRequest(got[0]) || got[0].SenderMAC != otherMAC {
			t.Errorf("sent %+v on the new interface, want announcements", got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, ErrNotOpen) {
			t.Errorf("Run = %v after Close, want ErrNotOpen", err)
		}
	})
}

func TestNewChecksItsConfig(t *testing.T) {
	ether := net.HardwareAddr(ourMAC[:])
	for name, c := range map[string]Config{
		"no interface":   {},
		"not Ethernet":   {Interface: &net.Interface{Name: "tun0"}},
		"group address":  {Interface: &net.Interface{Name: "eth0", HardwareAddr: ether}, MAC: frame.Broadcast},
		"no such device": {Interface: &net.Interface{Name: "eth0", Index: 1 << 30, HardwareAddr: ether}},
	} {
		if r, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
			_ = r.Close()
		}
	}
}
