package memhost

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"lvsdr/arp"
	"lvsdr/dataplane/link"
	"lvsdr/director"
	"lvsdr/frame"
	"lvsdr/healthcheck"
	"lvsdr/healthcheck/via"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	mac  = frame.MAC{2, 0, 0, 0, 0, 1}
	peer = frame.MAC{2, 0, 0, 0, 0, 2}
	addr = netip.MustParseAddr("192.0.2.1")
	rip  = netip.MustParseAddr("192.0.2.21")
)

// lan is a host with one interface and a neighbour.
func lan() (*Host, *Interface) {
	h := New()
	i := h.AddInterface("eth0", mac, netip.PrefixFrom(addr, 24))
	i.AddNeighbor(rip, peer)
	return h, i
}

func describe(t *testing.T, h *Host) *director.Interface {
	t.Helper()
	all, err := h.Interfaces()
	if err != nil || len(all) != 1 {
		t.Fatalf("interfaces: %+v, %v", all, err)
	}
	return &all[0]
}

func TestInterfaces(t *testing.T) {
	h, i := lan()
	first := describe(t, h)
	if first.Name != "eth0" || first.MTU != 1500 || first.State() != "up" || first.MACAddr() != mac || first.Addrs[0].Addr() != addr {
		t.Errorf("new: %+v", first)
	}
	i.SetCarrier(false)
	if s := describe(t, h).State(); s != "no carrier" {
		t.Errorf("without a carrier: %s", s)
	}
	i.SetUp(false)
	if s := describe(t, h).State(); s != "down" {
		t.Errorf("set down: %s", s)
	}
	i.Delete()
	if all, _ := h.Interfaces(); len(all) != 0 {
		t.Errorf("deleted: %+v", all)
	}
	if _, err := h.OpenSender(director.SenderConfig{Index: first.Index, Interface: "eth0"}); !errors.Is(err, link.ErrGone) {
		t.Errorf("sender of a deleted interface: %v", err)
	}
	i.Create(peer)
	again := describe(t, h)
	if again.Index == first.Index || again.MACAddr() != peer || again.State() != "up" {
		t.Errorf("made again: %+v", again)
	}
	if _, err := h.OpenReceiver(director.ReceiverConfig{Index: first.Index}); !errors.Is(err, link.ErrGone) {
		t.Errorf("receiver of the former interface: %v", err)
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, i := lan()
		ctx, cancel := context.WithCancel(t.Context())
		calls, ended := 0, make(chan error, 1)
		go func() { ended <- h.Watch(ctx, func() { calls++ }) }()
		synctest.Wait()
		for n, change := range []func(){
			func() {}, func() { i.SetUp(false) }, func() { i.SetUp(true) }, i.Delete, func() { i.Create(mac) }, func() { i.SetMTU(9000) },
			func() { i.SetAddrs(netip.PrefixFrom(rip, 24)) },
		} {
			change()
			synctest.Wait()
			if calls != n+1 {
				t.Errorf("change %d: %d calls", n, calls)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, i := lan()
		ifi := describe(t, h).Interface
		s, err := h.listen(&ifi, mac)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(to frame.MAC, addr netip.Addr) error {
			p := arp.Packet{Destination: to, Source: mac, Operation: arp.Request, SenderMAC: mac, SenderIP: addr, TargetIP: addr}
			b, err := p.Encode()
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Write(b)
			return err
		}
		read := func() (arp.Packet, error) {
			_ = s.SetReadDeadline(time.Now().Add(time.Second))
			b := make([]byte, 128)
			n, err := s.Read(b)
			if err != nil {
				return arp.Packet{}, err
			}
			return arp.Decode(b[:n])
		}
		for _, to := range []frame.MAC{frame.Broadcast, peer} {
			if err := ask(to, rip); err != nil {
				t.Error(err)
			}
			if p, err := read(); err != nil || p.SenderMAC != peer || p.SenderIP != rip || p.Operation != arp.Reply {
				t.Errorf("asked at %v: %+v, %v", to, p, err)
			}
		}
		if got := i.Asker(rip); got != rip { // as ask says
			t.Errorf("%v asked", got)
		}
		var timeout net.Error
		_ = ask(frame.Broadcast, addr)
		_ = ask(frame.MAC{2, 9}, rip)
		if p, err := read(); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("nobody was asked: %+v, %v", p, err)
		}
		i.Announce(rip, peer)
		if p, err := read(); err != nil || p.SenderIP != rip {
			t.Errorf("announcement: %+v, %v", p, err)
		}
		i.SetUp(false)
		if _, err := read(); !errors.Is(err, unix.ENETDOWN) {
			t.Errorf("read while down: %v", err)
		}
		if err := ask(frame.Broadcast, rip); !errors.Is(err, unix.ENETDOWN) {
			t.Errorf("write while down: %v", err)
		}
		if up, err := s.Up(); up || err != nil {
			t.Errorf("up while down: %v, %v", up, err)
		}
		i.Delete()
		i.Create(mac)
		if _, err := read(); !errors.Is(err, unix.ENXIO) {
			t.Errorf("read of a former interface: %v", err)
		}
		if _, err := s.Up(); !errors.Is(err, arp.ErrInterfaceGone) {
			t.Errorf("up of a former interface: %v", err)
		}
		ended := make(chan error, 1)
		go func() { _, err := read(); ended <- err }()
		_ = s.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, unix.ENXIO) {
			t.Errorf("read of a closed socket: %v", err)
		}
	})
}

func TestDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := lan()
		ways, err := h.OpenWays(via.Config{Egress: "eth0"})
		if err != nil {
			t.Fatal(err)
		}
		check := func(port uint16) healthcheck.Result {
			spec, target := healthcheck.Defaults(), healthcheck.Target{Addr: rip, VIP: netip.MustParseAddr("192.0.2.10"), Port: port}
			c, err := healthcheck.New(spec, target, ways.Way(spec, target))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return c.Check(ctx)
		}
		h.SetServer(netip.AddrPortFrom(rip, 80), Serving)
		h.SetServer(netip.AddrPortFrom(rip, 81), Refusing)
		if r := check(80); r.OK {
			t.Errorf("without a way: %+v", r)
		}
		ways.Set([]via.Server{{Addr: rip}})
		if r := check(80); !r.OK {
			t.Errorf("serving: %+v", r)
		}
		if r := check(81); r.OK || r.RTT != 0 {
			t.Errorf("refusing: %+v", r)
		}
		if r := check(82); r.OK || r.RTT != time.Second {
			t.Errorf("silent: %+v", r)
		}
	})
}
