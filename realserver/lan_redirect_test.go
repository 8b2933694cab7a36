package realserver_test

import (
	"net/netip"
	"testing"

	"lvsdr/realserver"
)

func TestLANRedirectSteady(t *testing.T) {
	n := newSegment(t, realserver.MethodRedirect)
	n.testSteady(t, "lo")
}

// TestLANRedirectServes: a server without the VIP serves TCP and UDP on any
// address, IPv4 and IPv6, and a table of somebody else's stays.
func TestLANRedirectServes(t *testing.T) {
	n := newLAN(t)
	n.options.Method = realserver.MethodRedirect
	n.serve(t)
	n.echo(t, "[::]:53")
	foreign := n.server.Command(t.Context(), "nft", "table ip lvsdr_foreign { chain c { type nat hook prerouting priority -100; }; }")
	if err := foreign.Run(); err != nil {
		t.Fatal(err)
	}
	before := n.state(t)
	n.apply(t)
	for _, addr := range n.options.VIPs {
		if n.answers(t, addr) {
			t.Errorf("the server answers for %v", addr)
		}
		n.wantHello(t, addr)
		n.wantEcho(t, netip.AddrPortFrom(addr, 53))
	}
	n.wantHealthy(t, "applied")
	n.wantUndone(t, before)
}

// TestLANRedirectServices adds services one by one: what was not given is not
// taken.
func TestLANRedirectServices(t *testing.T) {
	n := newLAN(t)
	n.options.Method, n.options.VIPs = realserver.MethodRedirect, []netip.Addr{vip}
	n.serve(t)
	n.echo(t, "0.0.0.0:53")
	received := n.echo(t, "0.0.0.0:8010")
	before := n.state(t)
	n.options.Services = []realserver.Service{{Protocol: "udp", First: 53, Last: 53}}
	n.apply(t)
	n.wantEcho(t, netip.AddrPortFrom(vip, 53))
	conn, err := n.client.Dial(t.Context(), "udp", netip.AddrPortFrom(vip, 8010).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	n.wantEcho(t, netip.AddrPortFrom(vip, 53)) // went the same way, later
	if received.Load() > 0 {
		t.Error("a service that was not given is served")
	}
	n.options.Services = []realserver.Service{{Protocol: "tcp", First: 80, Last: 80}, {Protocol: "udp", First: 8000, Last: 8099}}
	n.apply(t)
	n.wantHello(t, vip)
	n.wantEcho(t, netip.AddrPortFrom(vip, 53))
	n.wantEcho(t, netip.AddrPortFrom(vip, 8010))
	n.options.Services = nil
	n.wantHealthy(t, "two applied")
	n.undo(t)
	wantSame(t, "undone", n.state(t), before)
}

func TestLANRedirectPrinted(t *testing.T) {
	n := newLAN(t)
	n.options.Method = realserver.MethodRedirect
	n.wantPrinted(t)
}
