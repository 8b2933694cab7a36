package realserver

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// patched returns a host whose kernel has a patch with these sysctls.
func patched(leaves ...string) *Memory {
	h := recipe{}.host()
	for _, leaf := range leaves {
		for _, name := range []string{"all", "lo", "eth0"} {
			h.Sysctl[ipv4Conf(name, leaf)] = "0"
		}
	}
	return h
}

func TestHiddenPlan(t *testing.T) {
	for _, test := range []struct {
		leaves []string
		want   string
	}{
		{[]string{"hidden"}, "hidden"},
		{[]string{"arp_invisible"}, "arp_invisible"},
		{[]string{"arp_invisible", "hidden"}, "hidden"},
	} {
		h, o := patched(test.leaves...), recipe{method: MethodHidden}.options(t, vipA, vip6)
		before := h.Snapshot()
		want := []string{
			"sysctl -w net.ipv4.conf.all." + test.want + "=1",
			"sysctl -w net.ipv4.conf.lo." + test.want + "=1",
			"ip addr add 192.0.2.10/32 dev lo scope host label lo:0",
			"ip -6 addr add 2001:db8::10/128 dev lo nodad preferred_lft 0",
		}
		if p := mustApply(t, o, h); !slices.Equal(p.Commands(), want) {
			t.Errorf("%v: commands:\n%s\nwant:\n%s", test.leaves, strings.Join(p.Commands(), "\n"), strings.Join(want, "\n"))
		}
		if p := mustApply(t, o, h); len(p.Steps) > 0 {
			t.Errorf("%v: again: %v", test.leaves, p)
		}
		mustUndo(t, o, h)
		wantSame(t, "undone", h.Snapshot(), before)
	}
}

// What is on already stays on.
func TestHiddenKeepsWhatWasThere(t *testing.T) {
	h, o := patched("hidden"), recipe{method: MethodHidden}.options(t, vipA)
	h.Sysctl[ipv4Conf("all", "hidden")] = "1"
	before := h.Snapshot()
	if p := mustApply(t, o, h); len(p.Steps) != 2 {
		t.Errorf("plan: %v", p)
	}
	mustUndo(t, o, h)
	wantSame(t, "undone", h.Snapshot(), before)
}

// TestHiddenWithoutPatch: the kernel of today, and a host without /proc/sys.
func TestHiddenWithoutPatch(t *testing.T) {
	for _, test := range []struct {
		name   string
		mangle func(*Memory)
		want   string
	}{
		{"no patch", func(*Memory) {}, "use --method sysctl, which every kernel since 2.6.4 can do"},
		{"no /proc/sys", func(m *Memory) { clear(m.Sysctl) }, fs.ErrNotExist.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, o := newHost(), recipe{method: MethodHidden}.options(t, vipA)
			test.mangle(h)
			before := h.Snapshot()
			for what, run := range map[string]func() error{
				"Apply": func() error { _, err := Apply(o, h); return err },
				"Check": func() error { _, err := Check(o, h); return err },
			} {
				if err := run(); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: %v, want %q", what, err, test.want)
				}
			}
			wantSame(t, "after the refusal", h.Snapshot(), before)
			wantNoRecord(t, o)
		})
	}
}

func TestHiddenUnprivileged(t *testing.T) {
	h, o := patched("hidden"), recipe{method: MethodHidden}.options(t, vipA)
	h.ReadOnly = true
	before := h.Snapshot()
	if _, err := Apply(o, h); err == nil || !strings.Contains(err.Error(), "container") {
		t.Errorf("read-only: %v", err)
	}
	h.Unprivileged = true
	if _, err := Apply(o, h); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("not root: %v", err)
	}
	wantSame(t, "after the refusals", h.Snapshot(), before)
}

func TestHiddenCheckFindsEach(t *testing.T) {
	checkFindsEach(t, recipe{method: MethodHidden}, []mistake{
		{"lo down", NameLoopback, func(m *Memory) { m.Link[0].Up = false }, "lo is down", "ip link set lo up"},
		{
			"VIP missing", NameVIPMissing, func(m *Memory) {
				m.Address = slices.DeleteFunc(m.Address, func(a Address) bool { return a.Prefix.Addr() == vipA })
			},
			"192.0.2.10/32 is not on lo", "director realserver apply --method hidden --vip 192.0.2.10",
		},
		{
			"off on all", NameHidden, func(m *Memory) { m.Sysctl[ipv4Conf("all", "hidden")] = "0" },
			"net.ipv4.conf.all.hidden is 0", "sysctl -w net.ipv4.conf.all.hidden=1",
		},
		{
			"off on lo", NameHidden, func(m *Memory) { m.Sysctl[ipv4Conf("lo", "hidden")] = "0" },
			"net.ipv4.conf.lo.hidden is 0", "sysctl -w net.ipv4.conf.lo.hidden=1",
		},
		{
			"duplicate address", NameVIPTentative, func(m *Memory) { m.Address[len(m.Address)-1].Tentative = true },
			"tentative or a duplicate", "ip -6 addr del 2001:db8::10/128 dev lo && director realserver apply --method hidden --vip 2001:db8::10",
		},
	})
}
