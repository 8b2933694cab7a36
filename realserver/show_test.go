package realserver

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func mustShow(t *testing.T, o Options, h Host) []Applied {
	t.Helper()
	r, err := Show(o, h)
	if err != nil {
		t.Fatal(err)
	}
	return r.Changes
}

func TestShow(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	if got := mustShow(t, o, h); got == nil || len(got) > 0 {
		t.Errorf("nothing was applied: %+v", got)
	}
	mustApply(t, o, h)
	both := o
	both.VIPs = []netip.Addr{vipA, vip6}
	mustApply(t, both, h)
	h.Sysctl[ipv4Conf("eth0", "arp_announce")] = "1"
	delete(h.Sysctl, ipv4Conf("eth0", "arp_ignore"))

	a, vips := Applied{Method: MethodSysctl}, []netip.Addr{vipA}
	row := func(what, before, after, now string, drift bool, vips []netip.Addr) Applied {
		a.What, a.Before, a.After, a.Now, a.Drift, a.VIPs = what, before, after, now, drift, vips
		return a
	}
	want := []Applied{
		row("net.ipv4.conf.all.arp_ignore", "0", "3", "3", false, vips),
		row("net.ipv4.conf.eth0.arp_ignore", "0", "3", "", true, vips),
		row("net.ipv4.conf.all.arp_announce", "0", "2", "2", false, vips),
		row("net.ipv4.conf.eth0.arp_announce", "0", "2", "1", true, vips),
		row("192.0.2.10/32 on lo", "", "scope host, lo:0", "scope host, lo:0", false, vips),
		row("2001:db8::10/128 on lo", "", "scope global, deprecated", "scope global, deprecated", false, []netip.Addr{vip6}),
	}
	if diff := cmp.Diff(want, mustShow(t, Options{StateDir: o.StateDir}, h), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := mustShow(t, Options{StateDir: o.StateDir, VIPs: []netip.Addr{vip6}}, h); len(got) != 1 || got[0].What != want[5].What {
		t.Errorf("of the IPv6 VIP: %+v", got)
	}
	if got := mustShow(t, Options{StateDir: o.StateDir, Method: MethodRedirect}, h); len(got) > 0 {
		t.Errorf("of another method: %+v", got)
	}
	i := slices.IndexFunc(h.Address, func(a Address) bool { return a.Prefix.Addr() == vipA })
	h.Address[i].Scope = ScopeGlobal
	if got := mustShow(t, o, h)[4]; !got.Drift || got.Now != "scope global, lo:0" {
		t.Errorf("another scope: %+v", got)
	}
	h.Address = slices.Delete(h.Address, i, i+1)
	if got := mustShow(t, o, h)[4]; !got.Drift || got.Now != "" {
		t.Errorf("gone: %+v", got)
	}
}

func TestShowTables(t *testing.T) {
	h, o := newHost(), recipe{method: MethodRedirect}.options(t, vipA)
	o.Services = []Service{{"tcp", 80, 80}}
	mustApply(t, o, h)
	const rules = "prerouting: ip daddr 192.0.2.10 tcp dport 80 redirect"
	want := Applied{
		What: "nftables table ip lvsdr_realserver_192.0.2.10", After: rules, Now: rules,
		Method: MethodRedirect, VIPs: o.VIPs,
	}
	for _, test := range []struct {
		now    string
		mangle func()
	}{
		{rules, func() {}},
		{anotherTable, func() { h.Table[0].Chains = nil }},
		{"", func() { h.Table = nil }},
	} {
		test.mangle()
		want.Now, want.Drift = test.now, test.now != rules
		if diff := cmp.Diff([]Applied{want}, mustShow(t, o, h), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	h.Unprivileged = true
	if r, err := Show(o, h); err == nil {
		t.Errorf("not root: %+v", r)
	}
}
