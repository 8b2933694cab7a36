package realserver_test

import (
	"net/netip"
	"testing"

	"lvsdr/realserver"
)

// TestLANARPTablesSteady has the VIP on lo, and on the LAN interface.
func TestLANARPTablesSteady(t *testing.T) {
	for _, dev := range []string{"lo", "eth0"} {
		t.Run(dev, func(t *testing.T) {
			n := newSegment(t, realserver.MethodARPTables)
			n.options.AddressOn = dev
			n.testSteady(t, dev)
		})
	}
}

// TestLANARPTablesServes has services on any address and on the VIP.
func TestLANARPTablesServes(t *testing.T) {
	for _, dev := range []string{"lo", "eth0"} {
		t.Run(dev, func(t *testing.T) {
			n := newLAN(t)
			n.options.Method, n.options.AddressOn = realserver.MethodARPTables, dev
			n.testServes(t)
		})
	}
}

// TestLANSysctlServes is the same for the default method.
func TestLANSysctlServes(t *testing.T) {
	n := newLAN(t)
	n.options.Method = realserver.MethodSysctl
	n.testServes(t)
}

// TestLANSysctlSteady is the same proof for the default method.
func TestLANSysctlSteady(t *testing.T) {
	n := newSegment(t, realserver.MethodSysctl)
	n.testSteady(t, "lo")
}

// testServes applies the method, and wants TCP on any address and TCP and UDP on
// the VIPs to be served, silently.
func (n *lan) testServes(t *testing.T) {
	t.Helper()
	n.serve(t)
	before := n.state(t)
	n.apply(t)
	for _, addr := range n.options.VIPs {
		if n.answers(t, addr) {
			t.Errorf("the server answers for %v", addr)
		}
		n.wantHello(t, addr)
		bound := netip.AddrPortFrom(addr, 8080)
		n.serveOn(t, bound.String())
		n.wantHelloFrom(t, bound)
		n.echo(t, netip.AddrPortFrom(addr, 53).String())
		n.wantEcho(t, netip.AddrPortFrom(addr, 53))
	}
	for _, own := range []string{"192.0.2.21", "2001:db8::21"} {
		if !n.answers(t, netip.MustParseAddr(own)) {
			t.Errorf("the server does not answer for its own %s any more", own)
		}
	}
	n.wantHealthy(t, "applied")
	n.wantUndone(t, before)
}

func TestLANARPTablesPrinted(t *testing.T) {
	n := newLAN(t)
	n.options.Method = realserver.MethodARPTables
	n.wantPrinted(t)
}

func TestLANSysctlPrinted(t *testing.T) {
	n := newLAN(t)
	n.options.Method = realserver.MethodSysctl
	n.wantPrinted(t)
}
