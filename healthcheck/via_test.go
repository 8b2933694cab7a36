package healthcheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	vip      = netip.MustParseAddr("192.0.2.10")
	otherVIP = netip.MustParseAddr("192.0.2.11")
	rip      = netip.MustParseAddr("192.0.2.21")
)

func TestByVIP(t *testing.T) {
	for _, tt := range []struct {
		kind, via string
		want      bool
	}{
		{"", "", true},
		{"tcp", "", true},
		{"", ViaVIP, true},
		{"http", ViaVIP, true},
		{"tcp", ViaReal, false},
		{"none", ViaVIP, false},
		{"file", ViaVIP, false},
		{"arp", ViaVIP, false},
		{"arp", "", false},
	} {
		if s := (Spec{Kind: tt.kind, Via: tt.via}); s.ByVIP() != tt.want {
			t.Errorf("kind %q, via %q: by the VIP: %v", tt.kind, tt.via, s.ByVIP())
		}
	}
}

// TestAskedAddress: which address is dialled, and what people are told.
func TestAskedAddress(t *testing.T) {
	for _, tt := range []struct{ via, dialled, text string }{
		{ViaVIP, "192.0.2.10:80", "tcp://192.0.2.10:80 on 192.0.2.21"},
		{ViaReal, "192.0.2.21:80", "tcp://192.0.2.21:80"},
	} {
		s := spec("tcp")
		s.Via = tt.via
		var dialled string
		c, err := New(s, Target{Addr: rip, VIP: vip, Port: 80}, Way{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = address
			return nil, syscall.ECONNREFUSED
		}})
		if err != nil {
			t.Fatal(err)
		}
		if c.Check(t.Context()).OK || dialled != tt.dialled || c.String() != tt.text {
			t.Errorf("via %s: dialled %s, %q", tt.via, dialled, c)
		}
	}
	s := spec("tcp")
	s.Via = ViaVIP
	if _, err := New(s, Target{Addr: rip, Port: 80}, Way{}); err == nil || !strings.Contains(err.Error(), "via: real") {
		t.Errorf("without a VIP: %v", err)
	}
}

// TestWayThatCannotBe: a socket that cannot be prepared fails the check, and the
// message says why.
func TestWayThatCannotBe(t *testing.T) {
	target := listen(t, hold)
	c, err := New(spec("tcp"), target, Way{Control: func(string, string, syscall.RawConn) error {
		return errors.New("no way to 192.0.2.21")
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Check(t.Context()); r.OK || !strings.Contains(r.Message, "no way to 192.0.2.21") {
		t.Errorf("got %+v", r)
	}
}

// TestVIPsShareNoProbe: what one VIP answers on a server says nothing of another.
func TestVIPsShareNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &record{}
		m := NewMonitor(Options{Notify: r.add, Way: func(Spec, Target) Way {
			return Way{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
				if address != "192.0.2.10:80" {
					return nil, syscall.ECONNREFUSED
				}
				ours, theirs := net.Pipe()
				theirs.Close()
				return ours, nil
			}}
		}})
		defer m.Close()
		a, b, c := sub("a", 80), sub("b", 80), sub("c", 80)
		b.Target.VIP = otherVIP
		c.Target.VIP, c.Spec.Via = otherVIP, ViaReal
		d := c
		d.Key, d.Target.VIP = "d", vip // asks the server itself, as c does
		mustSet(t, m, a, b, c, d)
		time.Sleep(4 * DefaultEvery)
		expect(t, r, "a:up", "b:down", "c:down", "d:down")
		if m.subs["a"] == m.subs["b"] || m.subs["c"] != m.subs["d"] {
			t.Error("probes are shared by what is asked, not by the VIP that is")
		}
	})
}
