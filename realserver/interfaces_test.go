package realserver

import (
	"net/netip"
	"slices"
	"testing"
)

// twoLANs returns a host whose second LAN has no IPv6.
func twoLANs() *Memory {
	h := newHost("eth1")
	h.Address = append(h.Address,
		Address{Interface: "eth1", Prefix: netip.MustParsePrefix("198.51.100.21/24")},
		Address{Interface: "eth0", Prefix: netip.MustParsePrefix("2001:db8::21/64")})
	return h
}

// TestCheckTakesAppliedInterfaces: what apply was told of interfaces, check knows
// without being told again.
func TestCheckTakesAppliedInterfaces(t *testing.T) {
	for _, method := range []string{MethodSysctl, MethodARPTables, MethodRedirect} {
		h, o := twoLANs(), options(t, vipA, vip6)
		o.Method, o.Interfaces = method, []string{"eth0"}
		mustApply(t, o, h)
		for _, asked := range []Options{{}, {VIPs: o.VIPs}, {VIPs: o.VIPs, Method: method}} {
			asked.StateDir = o.StateDir
			findings, err := Check(asked, h)
			if err != nil || !Healthy(findings) {
				t.Errorf("%s, asked for %v %q: %v, %+v", method, asked.VIPs, asked.Method, err, findings)
			}
			if slices.ContainsFunc(findings, func(f Finding) bool { return f.Interface == "eth1" }) {
				t.Errorf("%s: eth1 was not named: %+v", method, findings)
			}
		}
	}
}

// The last apply counts, for each VIP by itself; what it did not name is every LAN,
// also one that is new.
func TestCheckTakesLastInterfaces(t *testing.T) {
	h, o := twoLANs(), arptablesOptions(t, vipA)
	unhealthy := func(when string, want bool) {
		t.Helper()
		findings, err := Check(Options{StateDir: o.StateDir}, h)
		if err != nil || Healthy(findings) == want {
			t.Errorf("%s: %v, %+v", when, err, findings)
		}
	}
	o.Interfaces = []string{"eth0"}
	mustApply(t, o, h)
	other := o
	other.VIPs, other.Interfaces = []netip.Addr{vipB}, []string{"eth1"}
	mustApply(t, other, h)
	unhealthy("two VIPs, each on an interface of its own", false)

	o.Interfaces = nil
	mustApply(t, o, h)
	unhealthy("the first on every LAN", false)
	h.Link = append(h.Link, Link{Name: "eth2", Up: true, ARP: true, MTU: 1500})
	h.Address = append(h.Address, Address{Interface: "eth2", Prefix: netip.MustParsePrefix("203.0.113.21/24")})
	for _, leaf := range []string{"arp_ignore", "arp_announce"} {
		h.Sysctl[ipv4Conf("eth2", leaf)] = "0"
	}
	unhealthy("a LAN that is new", true)
	o.Interfaces = []string{"eth0", "eth1"}
	mustApply(t, o, h)
	unhealthy("the LAN that is new is none of it", false)
}

// An interface that was named and is gone is no reason to say nothing.
func TestCheckWithoutAppliedInterface(t *testing.T) {
	h, o := twoLANs(), arptablesOptions(t, vipA)
	o.Interfaces = []string{"eth0"}
	mustApply(t, o, h)
	h.Link = slices.DeleteFunc(h.Link, func(l Link) bool { return l.Name == "eth0" })
	h.Address = slices.DeleteFunc(h.Address, func(a Address) bool { return a.Interface == "eth0" })
	findings, err := Check(Options{StateDir: o.StateDir}, h)
	if err != nil || Healthy(findings) {
		t.Errorf("%v, %+v", err, findings)
	}
}
