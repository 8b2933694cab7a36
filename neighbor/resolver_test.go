package neighbor

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
	"lvsdr/frame"
)

// fakeInterface is where the resolvers of these tests are.
var fakeInterface = &net.Interface{Name: "fake", HardwareAddr: ourMAC[:]}

// newForTest returns a resolver for web1 on a segment with nobody else on it.
func newForTest(t *testing.T, notify func(netip.Addr, frame.MAC, bool)) (*Resolver, *arptest.Socket) {
	t.Helper()
	socket := arptest.NewSocket()
	r, err := New(Config{
		Interface: fakeInterface, Source: ourIP, Notify: notify,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), jitter: never, Listen: socket.Listen,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Set([]netip.Addr{web1})
	return r, socket
}

func TestResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type told struct {
			MAC frame.MAC
			OK  bool
		}
		var got []told
		var r *Resolver
		r, socket := newForTest(t, func(addr netip.Addr, mac frame.MAC, ok bool) {
			r.Lookup(addr) // must not deadlock
			got = append(got, told{mac, ok})
		})
		result, cancel := arptest.Run(t, r.Run)
		began := time.Now()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		var at []time.Duration
		for _, p := range socket.Take() {
			at = append(at, p.At.Sub(began))
		}
		same(t, "requests", seconds(0, .2, 1, 2, 4), at)
		r.Restore(web1, movedMAC)
		socket.Deliver(arptest.Encode(t, replyFrom(movedMAC, web1)))
		synctest.Wait()
		same(t, "told", []told{{frame.MAC{}, false}, {movedMAC, true}, {movedMAC, true}}, got)
		r.Pin(map[netip.Addr]frame.MAC{web2: web1MAC})
		synctest.Wait()
		if mac, ok := r.Lookup(web2); !ok || mac != web1MAC {
			t.Errorf("pinned address is at %v", mac)
		}
		socket.Deliver(make([]byte, 60))
		synctest.Wait()
		if st := r.Stats(); st.Received != 2 || st.Believed != 1 || st.Malformed != 1 {
			t.Errorf("stats %+v", st)
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// An interface that was made again: what is known stays known, and is asked for.
func TestResolverReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, socket := newForTest(t, nil)
		result, cancel := arptest.Run(t, r.Run)
		defer cancel()
		socket.Deliver(arptest.Encode(t, replyFrom(web1MAC, web1)))
		synctest.Wait()
		socket.Take()
		socket.SetLink(false, arp.ErrInterfaceGone)
		if err := <-result; !errors.Is(err, arp.ErrInterfaceGone) {
			t.Errorf("Run = %v, want ErrInterfaceGone", err)
		}
		if mac, ok := r.Lookup(web1); !ok || mac != web1MAC {
			t.Error("forgot the server with the interface")
		}
		if err := r.Reopen(fakeInterface, movedMAC); err != nil {
			t.Fatal(err)
		}
		result, cancel = arptest.Run(t, r.Run)
		synctest.Wait()
		if got := socket.Take(); len(got) != 1 || got[0].Destination != web1MAC || got[0].SenderMAC != movedMAC {
			t.Errorf("sent %+v on the new interface, want a unicast request", got)
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// The source of requests changes while Run runs, and with a new socket.
func TestResolverSetSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, socket := newForTest(t, nil)
		result, cancel := arptest.Run(t, r.Run)
		synctest.Wait()
		socket.Take()
		r.SetSource(web2, nil)
		synctest.Wait()
		if got := socket.Take(); len(got) != 1 || got[0].SenderIP != web2 {
			t.Errorf("sent %+v, want a request from %v", got, web2)
		}
		socket.SetLink(false, arp.ErrInterfaceGone)
		<-result
		cancel()
		r.SetSource(ourIP, nil)
		if err := r.Reopen(fakeInterface, ourMAC); err != nil {
			t.Fatal(err)
		}
		result, cancel = arptest.Run(t, r.Run)
		synctest.Wait()
		got := socket.Take()
		if len(got) == 0 {
			t.Error("nothing sent on the new interface")
		}
		for _, p := range got {
			if p.SenderIP != ourIP {
				t.Errorf("sent %+v, want requests from %v only", p, ourIP)
			}
		}
		cancel()
		<-result
	})
}
