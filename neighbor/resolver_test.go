package neighbor

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

// run lets a resolver for web1 run on a fake socket.
func run(t *testing.T, r *Resolver) (f *fakeSocket, result chan error, cancel func()) {
	t.Helper()
	f = newFakeSocket()
	r.sock = f
	r.Set([]netip.Addr{web1})
	ctx, cancel := context.WithCancel(t.Context())
	result = make(chan error, 1)
	go func() { result <- r.Run(ctx) }()
	return f, result, cancel
}

func newForTest(notify func(netip.Addr, frame.MAC, bool)) *Resolver {
	return newResolver(Config{
		Interface: &net.Interface{Name: "fake"}, Notify: notify,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}, NewMachine(Options{MAC: ourMAC, Source: ourIP, Jitter: never}))
}

func TestResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type told struct {
			MAC frame.MAC
			OK  bool
		}
		var got []told
		var r *Resolver
		r = newForTest(func(addr netip.Addr, mac frame.MAC, ok bool) {
			r.Lookup(addr) // must not deadlock
			got = append(got, told{mac, ok})
		})
		f, result, cancel := run(t, r)
		began := time.Now()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		var at []time.Duration
		for _, sent := range f.at {
			at = append(at, sent.Sub(began))
		}
		same(t, "requests", seconds(0, .2, 1, 2, 4), at)
		r.Restore(web1, movedMAC)
		f.in <- encode(t, replyFrom(movedMAC, web1))
		synctest.Wait()
		same(t, "told", []told{{frame.MAC{}, false}, {movedMAC, true}, {movedMAC, true}}, got)
		r.Pin(map[netip.Addr]frame.MAC{web2: web1MAC})
		synctest.Wait()
		if mac, ok := r.Lookup(web2); !ok || mac != web1MAC {
			t.Errorf("pinned address is at %v", mac)
		}
		f.in <- make([]byte, 60)
		synctest.Wait()
		if st := r.Stats(); st.Received != 2 || st.Believed != 1 || st.Malformed != 1 {
			t.Errorf("stats %+v", st)
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
		if err := r.Run(t.Context()); !errors.Is(err, ErrNotOpen) {
			t.Errorf("second Run = %v, want ErrNotOpen", err)
		}
	})
}

func TestResolverLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newForTest(nil)
		f, result, cancel := run(t, r)
		defer cancel()
		f.in <- encode(t, replyFrom(web1MAC, web1))
		f.setLink(false, nil)
		f.errs <- unix.ENETDOWN
		synctest.Wait()
		f.take()
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if got := f.take(); len(got) != 0 {
			t.Errorf("sent %+v while the link was down", got)
		}
		f.setLink(true, nil)
		time.Sleep(linkCheckDown)
		synctest.Wait()
		if got := f.take(); len(got) != 1 || got[0].Destination != web1MAC {
			t.Errorf("sent %+v when the link came back, want a unicast request", got)
		}
		f.setLink(false, ErrInterfaceGone)
		if err := <-result; !errors.Is(err, ErrInterfaceGone) {
			t.Errorf("Run = %v, want ErrInterfaceGone", err)
		}
		if mac, ok := r.Lookup(web1); !ok || mac != web1MAC {
			t.Error("forgot the server with the interface")
		}
		f = newFakeSocket()
		r.mu.Lock()
		r.sock = f
		r.mu.Unlock()
		go func() { result <- r.Run(t.Context()) }()
		synctest.Wait()
		if got := f.take(); len(got) != 1 || got[0].Destination != web1MAC {
			t.Errorf("sent %+v on the new interface, want a unicast request", got)
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
