package afpacket

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"lvsdr/dataplane/link"
	"lvsdr/dataplane/link/internal/linktest"
)

// receiveUntil calls Receive until it returns frames or an error: an empty
// return is allowed at any time. A frame that never comes ends the test by its
// own timeout.
func receiveUntil(r *Receiver, batch []link.Frame) (int, error) {
	for {
		if n, err := r.Receive(batch); n > 0 || err != nil {
			return n, err
		}
	}
}

func TestLANDownAndUp(t *testing.T) {
	for _, poll := range []Poll{PollAdaptive, PollSpin} {
		t.Run(string(poll), func(t *testing.T) {
			near, far := newCable(t)
			r, s := openPair(t, near, ReceiverConfig{Interface: nearEnd, Poll: poll}, SenderConfig{Interface: nearEnd})
			f := newFarSocket(t, far, farEnd)
			batch := make([]link.Frame, 4)
			for round := range 3 {
				near.do(func() { near.down(nearEnd) })
				if n, err := receiveUntil(r, batch); !errors.Is(err, link.ErrDown) {
					t.Fatalf("round %d: receive on an interface that is down: %d, %v", round, n, err)
				}
				frame := frameOf(linktest.UDP(nearMAC, 60, 1))
				s.Send(&frame)
				s.Send(&frame)
				if got := s.Flush(); got != 2 || s.Stats().Down != uint64(2*round+2) {
					t.Fatalf("round %d: %d frames dropped, stats %+v", round, got, s.Stats())
				}
				near.do(func() { near.up(nearEnd) })
				near.must(f.Inject(linktest.UDP(nearMAC, 60, round)))
				if n, err := receiveUntil(r, batch); n != 1 || err != nil {
					t.Fatalf("round %d: receive after up: %d, %v", round, n, err)
				}
				s.Send(&batch[0])
				if got := s.Flush(); got != 0 {
					t.Fatalf("round %d: %d frames dropped after up", round, got)
				}
			}
		})
	}
}

func frameOf(p linktest.Packet) link.Frame {
	f := link.Frame{Raw: append(make([]byte, link.Headroom), p.Data...), TCI: p.TCI, TPID: p.TPID}
	copy(f.VNet(), p.VNet[:])
	return f
}

// TestLANDelete: whatever happened before, the handle ends up gone, and one
// for the interface of the same name works.
func TestLANDelete(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *host, *Receiver){
		"up":   func(*testing.T, *host, *Receiver) {},
		"down": func(t *testing.T, h *host, r *Receiver) { h.do(func() { h.down(nearEnd) }) },
		"down and told": func(t *testing.T, h *host, r *Receiver) {
			h.do(func() { h.down(nearEnd) })
			if _, err := receiveUntil(r, make([]link.Frame, 1)); !errors.Is(err, link.ErrDown) {
				t.Fatalf("receive: %v", err)
			}
		},
	} {
		for _, poll := range []Poll{PollBlock, PollSpin} {
			t.Run(name+"/"+string(poll), func(t *testing.T) {
				near, far := newCable(t)
				r, s := openPair(t, near, ReceiverConfig{Interface: nearEnd, Poll: poll}, SenderConfig{Interface: nearEnd})
				before(t, near, r)
				near.do(func() { near.must(netlink.LinkDel(near.link(nearEnd))) })
				batch := make([]link.Frame, 4)
				_, err := receiveUntil(r, batch)
				if errors.Is(err, link.ErrDown) {
					_, err = receiveUntil(r, batch)
				}
				for range 2 {
					if !errors.Is(err, link.ErrGone) {
						t.Fatalf("receive: %v, want %v", err, link.ErrGone)
					}
					_, err = receiveUntil(r, batch)
				}
				frame := frameOf(linktest.UDP(nearMAC, 60, 1))
				s.Send(&frame)
				if got := s.Flush(); got != 1 || s.Stats().Down != 1 {
					t.Errorf("%d frames dropped, stats %+v", got, s.Stats())
				}
				near.cable(nearEnd, far, farEnd, nearMAC, linktest.FarMAC)
				r, _ = openPair(t, near, ReceiverConfig{Interface: nearEnd}, SenderConfig{Interface: nearEnd})
				near.must(newFarSocket(t, far, farEnd).Inject(linktest.UDP(nearMAC, 60, 1)))
				if n, err := receiveUntil(r, batch); n != 1 || err != nil {
					t.Errorf("receive on the new interface: %d, %v", n, err)
				}
			})
		}
	}
}

func TestLANOpenErrors(t *testing.T) {
	h := newHost(t)
	h.do(func() {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "tun0"
		h.must(netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TUN}))
		for _, c := range []struct {
			name  string
			index int
			gone  bool
			want  string
		}{
			{"eth9", 0, true, "open eth9: interface is gone"},
			{"", 999, true, "open interface 999: interface is gone"},
			{"tun0", 0, false, "open tun0: not an Ethernet interface"},
			{strings.Repeat("x", 20), 0, false, "interface name"},
		} {
			_, err := OpenReceiver(ReceiverConfig{Interface: c.name, Index: c.index})
			_, serr := OpenSender(SenderConfig{Interface: c.name, Index: c.index})
			for _, err := range []error{err, serr} {
				if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, link.ErrGone) != c.gone {
					t.Errorf("%s: error %v, want %q", c.name, err, c.want)
				}
			}
		}
	})
}

// TestLANNoLeak opens and closes 100 times, errors included, and looks for
// what stays behind.
func TestLANNoLeak(t *testing.T) {
	near, _ := newCable(t)
	count := func() (fds, maps int) {
		entries, err := os.ReadDir("/proc/self/fd")
		near.must(err)
		b, err := os.ReadFile("/proc/self/maps")
		near.must(err)
		return len(entries), strings.Count(string(b), "socket:")
	}
	near.do(func() {
		fds, maps := count()
		for range 100 {
			r, err := OpenReceiver(ReceiverConfig{Interface: nearEnd, Slots: 64, MACs: testMACs})
			near.must(err)
			s, err := OpenSender(SenderConfig{Interface: nearEnd})
			near.must(err)
			near.must(errors.Join(r.Close(), s.Close()))
			if _, err := OpenReceiver(ReceiverConfig{Interface: "eth9", Slots: 64}); err == nil {
				t.Fatal("opened an interface that is not there")
			}
			if _, err := OpenReceiver(ReceiverConfig{Index: 999, Slots: 64}); err == nil {
				t.Fatal("opened an interface that is not there")
			}
		}
		if f, m := count(); f != fds || m != maps {
			t.Errorf("%d descriptors and %d maps became %d and %d", fds, maps, f, m)
		}
	})
}
