package realserver

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// TestKeeperUpdate: other VIPs are applied and kept, those that are gone are not
// kept any more and, if that is asked for, undone.
func TestKeeperUpdate(t *testing.T) {
	inBubbles(t, func(t *testing.T, r recipe) {
		h, o := r.host(), r.options(t, vipA)
		before := h.Snapshot()
		k := keep(t, h, o, func(c *KeeperConfig) { c.UndoOnExit = true })
		for _, step := range []struct {
			vips  []netip.Addr
			prune bool
			there []netip.Addr // on the host
		}{
			{[]netip.Addr{vipA, vipB}, false, []netip.Addr{vipA, vipB}},
			{[]netip.Addr{vipB}, false, []netip.Addr{vipA, vipB}},
			{[]netip.Addr{vipB, vip6}, true, []netip.Addr{vipB, vip6}},
			{[]netip.Addr{vipA, vipB, vip6}, true, []netip.Addr{vipA, vipB, vip6}},
			{[]netip.Addr{vipB, vip6}, true, []netip.Addr{vipB, vip6}},
			{[]netip.Addr{vipA, vipB, vip6}, true, []netip.Addr{vipA, vipB, vip6}},
			{[]netip.Addr{vipB, vip6}, false, []netip.Addr{vipA, vipB, vip6}},
		} {
			next := o
			next.VIPs, next.Prune = step.vips, step.prune
			if err := k.Update(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			is := present(h)
			for _, vip := range []netip.Addr{vipA, vipB, vip6} {
				if is[vip] != slices.Contains(step.there, vip) {
					t.Fatalf("%v: %v is there: %v", step.vips, vip, is[vip])
				}
				if _, kept := k.VIPReport(vip); kept != slices.Contains(step.vips, vip) {
					t.Fatalf("%v: %v is kept: %v", step.vips, vip, kept)
				}
			}
			wantHealth(t, "updated", k.Report(), true)
			if !slices.Equal(k.Report().VIPs, step.vips) {
				t.Errorf("the report is about %v", k.Report().VIPs)
			}
		}
		// What is kept is mended, and only that is refused to undo.
		k.drift(func(m *Memory) {
			m.Address = slices.DeleteFunc(m.Address, func(a Address) bool { return a.Prefix.Addr() == vip6 })
			m.Table = slices.DeleteFunc(m.Table, func(t Table) bool { return t.Name == tableName(vip6) })
		})
		if !present(h)[vip6] {
			t.Error("the new VIP is not put back")
		}
		if err := k.store(t).refuseHeld([]netip.Addr{vipA}); err != nil {
			t.Error(err)
		}
		if err := k.store(t).refuseHeld([]netip.Addr{vip6}); err == nil {
			t.Error("the new VIP is in nobody's hand")
		}
		k.end(t)
		wantSame(t, "undone", h.Snapshot(), before)
		wantNoRecord(t, o)
	})
}

// store is the one that the Keeper uses.
func (k *keeping) store(t *testing.T) *store {
	t.Helper()
	r, err := newRunner(k.config.Options, k.host)
	if err != nil {
		t.Fatal(err)
	}
	return &r.store
}

// TestKeeperUpdateRefused: what cannot be taken leaves all as it was.
func TestKeeperUpdateRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA)
		k := keep(t, h, o)
		second := o
		second.VIPs = []netip.Addr{vipB}
		other := keep(t, h, second)
		applied := h.Snapshot()
		c := netip.MustParseAddr("192.0.2.12")
		for want, change := range map[string]func(*Options){
			"another `director realserver run` keeps it": func(o *Options) { o.VIPs = []netip.Addr{c, vipB} },
			"use --method sysctl":                        func(o *Options) { o.Method, o.VIPs = MethodHidden, []netip.Addr{c} },
			"the state directory cannot change":          func(o *Options) { o.StateDir += "2" },
			ErrNoVIP.Error():                             func(o *Options) { o.VIPs = nil },
			"unknown; there is":                          func(o *Options) { o.Method = "magic" },
		} {
			next := o
			change(&next)
			if err := k.Update(t.Context(), next); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			wantSame(t, want, h.Snapshot(), applied)
			wantHealth(t, want, k.Report(), true)
			if err := k.store(t).refuseHeld([]netip.Addr{c}); err != nil {
				t.Errorf("%s: %v", want, err)
			}
		}
		k.end(t)
		other.end(t)
	})
}

// TestPruneSparesTheKept: VIPs of another Keeper are wanted, whoever does not list
// them.
func TestPruneSparesTheKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA)
		k := keep(t, h, o)
		second := o
		second.VIPs, second.Prune = []netip.Addr{vipB}, true
		if p := mustApply(t, second, h); len(p.Gone) > 0 {
			t.Errorf("%v are gone", p.Gone)
		}
		wantHealth(t, "somebody pruned", k.Report(), true)
		if k.logged("drift") > 0 {
			t.Errorf("the log:\n%s", k.log)
		}
		k.end(t)
		if p := mustApply(t, second, h); !slices.Equal(p.Gone, []netip.Addr{vipA}) {
			t.Errorf("%v are gone, want %v", p.Gone, vipA)
		}
	})
}

// TestReportsByFamily: what is wrong with ARP says nothing about an IPv6 VIP.
func TestReportsByFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA, vip6))
		k.drift(func(m *Memory) { m.Sysctl[ipv4Conf("eth0", "proxy_arp")] = "1" })
		wantHealth(t, "all", k.Report(), false)
		for vip, healthy := range map[netip.Addr]bool{vipA: false, vip6: true} {
			r, _ := k.VIPReport(vip)
			wantHealth(t, vip.String(), r, healthy)
		}
		k.end(t)
	})
}
