package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestPrune: what is listed is what is applied afterwards, and what was there
// before the first apply is what undo leaves.
func TestPrune(t *testing.T) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		h, o := r.host(), r.options(t, vipA, vip6)
		before := h.Snapshot()
		mustApply(t, o, h)
		once, only := r.host(), r.options(t, vipB)
		mustApply(t, only, once)

		o.VIPs, o.Prune = []netip.Addr{vipB}, true
		plan, err := NewPlan(o, h)
		if want := []netip.Addr{vipA, vip6}; err != nil || !slices.Equal(plan.Gone, want) {
			t.Fatalf("plan: %v, %+v", err, plan)
		}
		var undo []string
		for _, vip := range plan.Gone {
			undo = append(undo, fmt.Sprintf("director realserver undo --vip %v --state-dir %s", vip, o.StateDir))
		}
		if lines := plan.Commands(); !slices.Equal(lines[len(lines)-2:], undo) {
			t.Errorf("commands %q", lines)
		}
		p := mustApply(t, o, h)
		if p.Undone == nil || !strings.Contains(p.String(), p.Undone.Restored[0].Reverse()) {
			t.Errorf("did\n%v", p)
		}
		if got, want := present(h), present(once); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("there is %v, want %v", got, want)
		}
		if p := mustApply(t, o, h); p.String() != "nothing to do\n" {
			t.Errorf("again:\n%v", p)
		}
		o.VIPs = nil
		mustUndo(t, o, h)
		wantSame(t, "undone", h.Snapshot(), before)
		wantNoRecord(t, o)
	})
}

// Without Prune, what is not listed stays.
func TestNoPrune(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	mustApply(t, o, h)
	o.VIPs = []netip.Addr{vipB}
	if p := mustApply(t, o, h); len(p.Gone) > 0 {
		t.Errorf("gone: %v", p.Gone)
	}
	if !present(h)[vipA] {
		t.Error("a VIP that was not listed went")
	}
}

// TestPruneKilled: whenever it dies, another apply or an undo ends the same.
func TestPruneKilled(t *testing.T) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		for n := 1; ; n++ {
			h, o := r.host(), r.options(t, vipA, vip6)
			before := h.Snapshot()
			mustApply(t, o, h)
			o.VIPs, o.Prune = []netip.Addr{vipB}, true
			if !kill(t, o, h, n, apply) {
				return
			}
			if n%2 == 0 {
				mustApply(t, o, h)
				if is := present(h); is[vipA] || is[vip6] || !is[vipB] {
					t.Fatalf("killed at %d, applied: there is %v", n, is)
				}
			}
			o.VIPs = nil
			mustUndo(t, o, h)
			wantSame(t, "killed, undone", h.Snapshot(), before)
		}
	})
}

// A step that fails takes nothing away.
func TestPruneFails(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	mustApply(t, o, h)
	applied, broken := h.Snapshot(), errors.New("broken")
	o.VIPs, o.Prune = []netip.Addr{vipB}, true
	h.Hook = func(change string) error { return broken }
	if _, err := Apply(o, h); !errors.Is(err, broken) {
		t.Errorf("Apply: %v", err)
	}
	wantSame(t, "after it", h.Snapshot(), applied)
	h.Hook = func(change string) error {
		if strings.HasPrefix(change, "before remove") {
			return broken
		}
		return nil
	}
	if _, err := Apply(o, h); !errors.Is(err, broken) || !strings.Contains(err.Error(), "the VIPs are applied, but not all") {
		t.Errorf("Apply that cannot take away: %v", err)
	}
	h.Hook = nil
	mustApply(t, o, h)
	if is := present(h); is[vipA] || !is[vipB] {
		t.Errorf("there is %v", is)
	}
}

// TestServicesOf: each VIP has its own services; with Prune they can shrink.
func TestServicesOf(t *testing.T) {
	h, o := newHost(), recipe{method: MethodRedirect}.options(t, vipA, vipB)
	before := h.Snapshot()
	web, dns := Service{"tcp", 80, 80}, Service{"udp", 53, 53}
	o.ServicesOf = map[netip.Addr][]Service{vipA: {web}, vipB: {dns, web}}
	mustApply(t, o, h)
	want := func(vip netip.Addr, services ...Service) {
		t.Helper()
		m := redirectMethod{}
		if is, err := h.CompareTable(m.tableOf(vip, services)); err != nil || is != TableSame {
			t.Errorf("%v is not redirected for %v alone: %v", vip, services, h.Table)
		}
	}
	want(vipA, web)
	want(vipB, web, dns)
	o.ServicesOf = map[netip.Addr][]Service{vipA: {web}, vipB: {dns}}
	mustApply(t, o, h)
	want(vipB, web, dns)
	o.Prune = true
	mustApply(t, o, h)
	want(vipA, web)
	want(vipB, dns)
	if findings, err := Check(o, h); err != nil || !Healthy(findings) {
		t.Errorf("Check: %v, %+v", err, findings)
	}
	o.VIPs = nil
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), before)

	o.VIPs, o.ServicesOf = []netip.Addr{vipA}, map[netip.Addr][]Service{vipA: {{Protocol: "icmp"}}}
	if _, err := Apply(o, h); err == nil || !strings.Contains(err.Error(), `protocol "icmp"`) {
		t.Errorf("a service that is none: %v", err)
	}
}
