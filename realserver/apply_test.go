package realserver

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestPlanText(t *testing.T) {
	p, err := NewPlan(options(t, vip6, vipB, vipA, vipA), newHost())
	if err != nil {
		t.Fatal(err)
	}
	want := `net.ipv4.conf.all.arp_ignore: 0 -> 3
net.ipv4.conf.eth0.arp_ignore: 0 -> 3
net.ipv4.conf.all.arp_announce: 0 -> 2
net.ipv4.conf.eth0.arp_announce: 0 -> 2
lo: add 192.0.2.10/32 scope host as lo:0
lo: add 192.0.2.11/32 scope host as lo:1
lo: add 2001:db8::10/128
`
	if p.String() != want {
		t.Errorf("plan:\n%s\nwant:\n%s", p, want)
	}
	commands := []string{
		"sysctl -w net.ipv4.conf.all.arp_ignore=3",
		"sysctl -w net.ipv4.conf.eth0.arp_ignore=3",
		"sysctl -w net.ipv4.conf.all.arp_announce=2",
		"sysctl -w net.ipv4.conf.eth0.arp_announce=2",
		"ip addr add 192.0.2.10/32 dev lo scope host label lo:0",
		"ip addr add 192.0.2.11/32 dev lo scope host label lo:1",
		"ip -6 addr add 2001:db8::10/128 dev lo nodad preferred_lft 0",
	}
	if !slices.Equal(p.Commands(), commands) {
		t.Errorf("commands:\n%s", strings.Join(p.Commands(), "\n"))
	}
}

func TestPlanInterfaceWithDot(t *testing.T) {
	h := newHost("eth0.10")
	o := options(t, vipA)
	o.Interfaces = []string{"eth0.10"}
	p, err := NewPlan(o, h)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Commands()[1]; got != "sysctl -w net/ipv4/conf/eth0.10/arp_ignore=3" {
		t.Errorf("command %q: sysctl would take the dot for a slash", got)
	}
}

// TestPlanKeepsSufficientValues has the values before and those after Apply, as
// all and eth0 of arp_ignore, then of arp_announce.
func TestPlanKeepsSufficientValues(t *testing.T) {
	for _, test := range []struct {
		name          string
		arpIgnore     int
		before, after [4]string
	}{
		{"defaults", 0, [4]string{"0", "0", "0", "0"}, [4]string{"3", "3", "2", "2"}},
		{"1 wanted", 1, [4]string{"0", "0", "0", "0"}, [4]string{"1", "1", "2", "2"}},
		{"1 on all hides", 0, [4]string{"1", "0", "2", "0"}, [4]string{"1", "0", "2", "0"}},
		{"2 on the interface hides", 0, [4]string{"0", "2", "0", "2"}, [4]string{"0", "2", "0", "2"}},
		{"3 is more than 1", 1, [4]string{"3", "0", "0", "0"}, [4]string{"3", "0", "2", "2"}},
		{"8 is never lowered", 0, [4]string{"8", "0", "1", "0"}, [4]string{"8", "0", "2", "2"}},
		{"5 means 0 to the kernel", 0, [4]string{"5", "1", "0", "0"}, [4]string{"3", "3", "2", "2"}},
		{"5 hides a good 2", 1, [4]string{"5", "2", "0", "0"}, [4]string{"1", "2", "2", "2"}},
		{"announce 3 means 0", 0, [4]string{"3", "3", "0", "3"}, [4]string{"3", "3", "2", "2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost()
			keys := [4]string{
				ipv4Conf("all", "arp_ignore"), ipv4Conf("eth0", "arp_ignore"),
				ipv4Conf("all", "arp_announce"), ipv4Conf("eth0", "arp_announce"),
			}
			for i, key := range keys {
				h.Sysctl[key] = test.before[i]
			}
			before := h.Snapshot()
			o := options(t, vipA)
			o.ARPIgnore = test.arpIgnore
			mustApply(t, o, h)
			for i, key := range keys {
				if h.Sysctl[key] != test.after[i] {
					t.Errorf("%s = %s, want %s", key, h.Sysctl[key], test.after[i])
				}
			}
			if findings, err := Check(o, h); err != nil || !Healthy(findings) {
				t.Errorf("Check: %v, %+v", err, findings)
			}
			if _, err := Undo(o, h); err != nil {
				t.Fatal(err)
			}
			wantSame(t, "after Undo", h.Snapshot(), before)
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		vip    netip.Addr
		mangle func(*Memory, *Options)
		want   string
	}{
		{"VIP on the LAN interface", vipA, func(m *Memory, _ *Options) {
			m.Address = append(m.Address, Address{Interface: "eth0", Prefix: netip.MustParsePrefix("192.0.2.10/24")})
		}, "ip addr del 192.0.2.10/24 dev eth0"},
		{"VIP with the subnet's prefix on lo", vipA, func(m *Memory, _ *Options) {
			m.Address = append(m.Address, Address{Interface: "lo", Prefix: netip.MustParsePrefix("192.0.2.10/24"), Scope: ScopeHost})
		}, "ip addr del 192.0.2.10/24 dev lo"},
		{"VIP on lo with scope global and 3", vipA, func(m *Memory, _ *Options) {
			m.Address = append(m.Address, Address{Interface: "lo", Prefix: netip.MustParsePrefix("192.0.2.10/32")})
		}, "scope global, which arp_ignore=3 answers for"},
		{"lo down", vipA, func(m *Memory, _ *Options) { m.Link[0].Up = false }, "ip link set lo up"},
		{"IPv6 off on lo", vip6, func(m *Memory, _ *Options) {
			m.Sysctl["net/ipv6/conf/lo/disable_ipv6"] = "1"
		}, "sysctl -w net.ipv6.conf.lo.disable_ipv6=0"},
		{"no IPv6", vip6, func(m *Memory, _ *Options) { delete(m.Sysctl, "net/ipv6/conf/lo/disable_ipv6") }, "no IPv6"},
		{"no /proc/sys", vipA, func(m *Memory, _ *Options) { clear(m.Sysctl) }, "does not exist"},
		{"unknown interface", vipA, func(_ *Memory, o *Options) { o.Interfaces = []string{"eth7"} }, "not found; there is lo, eth0"},
		{"lo as the LAN", vipA, func(_ *Memory, o *Options) { o.Interfaces = []string{"lo"} }, "the LAN's interface is needed"},
		{"unknown method", vipA, func(_ *Memory, o *Options) { o.Method = "magic" }, `method "magic": unknown; there is sysctl`},
		{"arp_ignore 2", vipA, func(_ *Memory, o *Options) { o.ARPIgnore = 2 }, "1 or 3"},
		{"multicast", netip.MustParseAddr("224.0.0.18"), func(*Memory, *Options) {}, "multicast"},
		{"loopback", netip.MustParseAddr("127.0.0.2"), func(*Memory, *Options) {}, "loopback"},
		{"link-local", netip.MustParseAddr("fe80::1"), func(*Memory, *Options) {}, "link-local"},
		{"no VIP", netip.Addr{}, func(_ *Memory, o *Options) { o.VIPs = nil }, "no VIP given"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, o := newHost(), options(t, test.vip)
			test.mangle(h, &o)
			before := h.Snapshot()
			_, err := Apply(o, h)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Apply: %v, want %q in it", err, test.want)
			}
			wantSame(t, "after the refusal", h.Snapshot(), before)
			wantNoRecord(t, o)
		})
	}
}

func TestApplyTwiceIsIdentical(t *testing.T) {
	h, o := newHost(), options(t, vipA, vip6)
	mustApply(t, o, h)
	once := h.Snapshot()
	record, err := os.ReadFile(recordPath(o, h))
	if err != nil {
		t.Fatal(err)
	}
	if p := mustApply(t, o, h); len(p.Steps) != 0 || p.String() != "nothing to do\n" {
		t.Errorf("second plan: %v", p)
	}
	wantSame(t, "applied twice", h.Snapshot(), once)
	again, err := os.ReadFile(recordPath(o, h))
	if err != nil || string(again) != string(record) {
		t.Errorf("record changed: %v\n%s\n%s", err, record, again)
	}
}

func recordPath(o Options, h *Memory) string {
	return (&store{dir: o.StateDir, id: h.ID}).path()
}

func TestApplyUnprivileged(t *testing.T) {
	for _, test := range []struct {
		name   string
		mangle func(*Memory)
		want   string
		is     error
	}{
		{"not root", func(m *Memory) { m.Unprivileged = true }, "run it as root", fs.ErrPermission},
		{"read-only /proc/sys", func(m *Memory) { m.ReadOnly = true }, "container", syscall.EROFS},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, o := newHost(), options(t, vipA)
			test.mangle(h)
			before := h.Snapshot()
			_, err := Apply(o, h)
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Apply: %v, want %v and %q", err, test.is, test.want)
			}
			wantSame(t, "after the refusal", h.Snapshot(), before)
			wantNoRecord(t, o)
		})
	}
}

// In a container whose settings came with it, a read-only /proc/sys is no
// obstacle.
func TestApplyReadOnlyButSufficient(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	h.Sysctl[ipv4Conf("all", "arp_ignore")] = "3"
	h.Sysctl[ipv4Conf("all", "arp_announce")] = "2"
	h.ReadOnly = true
	mustApply(t, o, h)
}

func TestApplyRollsBack(t *testing.T) { eachRecipe(t, testApplyRollsBack) }

func testApplyRollsBack(t *testing.T, r recipe) {
	for n := range r.steps {
		h, o := r.host(), r.options(t, vipA, vipB, vip6)
		before, calls := h.Snapshot(), 0
		broken := errors.New("broken")
		h.Hook = func(change string) error {
			if strings.HasPrefix(change, "before ") {
				if calls++; calls == n+1 {
					return broken
				}
			}
			return nil
		}
		if _, err := Apply(o, h); !errors.Is(err, broken) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Fatalf("step %d: %v", n, err)
		}
		wantSame(t, "after the rollback", h.Snapshot(), before)
		wantNoRecord(t, o)
	}
}

func TestUndoNothing(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	if _, err := Undo(o, h); !errors.Is(err, ErrNothingApplied) {
		t.Errorf("without a state directory: %v", err)
	}
	mustApply(t, o, h)
	o.VIPs = []netip.Addr{vipB}
	if u, err := Undo(o, h); !errors.Is(err, ErrNothingApplied) || !slices.Equal(u.NotApplied, o.VIPs) {
		t.Errorf("of another VIP: %v, %+v", err, u)
	}
	o.VIPs = nil
	if u, err := Undo(o, h); err != nil || len(u.Restored) != 5 {
		t.Errorf("of all: %v, %+v", err, u)
	}
	if _, err := Undo(o, h); !errors.Is(err, ErrNothingApplied) {
		t.Errorf("again: %v", err)
	}
}

func TestUndoOneByOne(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	before := h.Snapshot()
	mustApply(t, o, h)
	o.VIPs = []netip.Addr{vipB}
	mustApply(t, o, h)
	o.VIPs = []netip.Addr{vipA}
	u, err := Undo(o, h)
	if err != nil || len(u.Restored) != 1 || len(u.Kept) != 4 {
		t.Fatalf("Undo of the first: %v, %+v", err, u)
	}
	o.VIPs = []netip.Addr{vipB}
	if findings, err := Check(o, h); err != nil || !Healthy(findings) {
		t.Errorf("the VIP that stays: %v, %+v", err, findings)
	}
	if _, err := Undo(o, h); err != nil {
		t.Fatal(err)
	}
	wantSame(t, "after the last", h.Snapshot(), before)
	wantNoRecord(t, o)
}

// A VIP that was on lo before stays there, and the sysctls stay for its sake.
func TestUndoKeepsWhatWasThere(t *testing.T) {
	h, o := newHost(), options(t, vipA, vipB)
	h.Address = append(h.Address, Address{Interface: "lo", Prefix: netip.PrefixFrom(vipA, 32), Scope: ScopeHost, Label: "lo:0"})
	before := h.Snapshot()
	p := mustApply(t, o, h)
	if got := p.Steps[len(p.Steps)-1].Change.String(); got != "lo: add 192.0.2.11/32 scope host as lo:1" {
		t.Errorf("last step: %s", got)
	}
	if _, err := Undo(o, h); err != nil {
		t.Fatal(err)
	}
	wantSame(t, "after Undo", h.Snapshot(), before)
}

// What drifted after Apply is repaired by the next, and Undo still restores
// what was there before the first.
func TestApplyAfterDrift(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	h.Sysctl[ipv4Conf("eth0", "arp_announce")] = "1"
	before := h.Snapshot()
	mustApply(t, o, h)
	applied := h.Snapshot()
	h.Sysctl[ipv4Conf("all", "arp_ignore")] = "0"
	h.Sysctl[ipv4Conf("eth0", "arp_ignore")] = "0"
	h.Sysctl[ipv4Conf("eth0", "arp_announce")] = "0"
	h.Address = h.Address[:len(h.Address)-1]
	mustApply(t, o, h)
	wantSame(t, "applied again", h.Snapshot(), applied)
	if _, err := Undo(o, h); err != nil {
		t.Fatal(err)
	}
	wantSame(t, "after Undo", h.Snapshot(), before)
}

// A record of another boot describes a kernel that is gone.
func TestRecordOfAnotherBoot(t *testing.T) {
	h, o := newHost(), options(t, vipA)
	mustApply(t, o, h)
	booted := newHost()
	booted.ID.Boot = "next"
	booted.Sysctl[ipv4Conf("all", "arp_ignore")] = "1"
	booted.Sysctl[ipv4Conf("all", "arp_announce")] = "1"
	before := booted.Snapshot()
	if _, err := Undo(o, booted); !errors.Is(err, ErrNothingApplied) {
		t.Fatalf("Undo after a boot: %v", err)
	}
	mustApply(t, o, booted)
	if _, err := Undo(o, booted); err != nil {
		t.Fatal(err)
	}
	wantSame(t, "after Undo", booted.Snapshot(), before)
}

// Two network namespaces may share a state directory.
func TestRecordOfAnotherNamespace(t *testing.T) {
	h, other, o := newHost(), newHost(), options(t, vipA)
	other.ID.NetNS = 2
	before := h.Snapshot()
	mustApply(t, o, h)
	mustApply(t, o, other)
	for _, m := range []*Memory{h, other} {
		if _, err := Undo(o, m); err != nil {
			t.Fatal(err)
		}
		wantSame(t, "after Undo", m.Snapshot(), before)
	}
}

func TestUndoAfterInterfaceWent(t *testing.T) {
	h, o := newHost("eth1"), options(t, vipA)
	o.Interfaces = []string{"eth0", "eth1"}
	mustApply(t, o, h)
	for _, leaf := range []string{"arp_ignore", "arp_announce"} {
		delete(h.Sysctl, ipv4Conf("eth1", leaf))
	}
	if _, err := Undo(o, h); err != nil {
		t.Fatal(err)
	}
	wantNoRecord(t, o)
}

func TestBrokenRecord(t *testing.T) {
	for _, text := range []string{"{", `{"version":9,"boot":"memory","netns":1}`, `{"version":1,"boot":"memory","netns":1,"entries":[{}]}`} {
		h, o := newHost(), options(t, vipA)
		if err := os.MkdirAll(o.StateDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(recordPath(o, h), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		before := h.Snapshot()
		if _, err := Apply(o, h); err == nil {
			t.Errorf("Apply over %s: no error", text)
		}
		if _, err := Undo(o, h); err == nil || errors.Is(err, ErrNothingApplied) {
			t.Errorf("Undo over %s: %v", text, err)
		}
		wantSame(t, "with a broken record", h.Snapshot(), before)
	}
}
