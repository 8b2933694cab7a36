package via

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lvsdr/healthcheck"
	"lvsdr/lab"
)

// leave does to the kernel what a killed process has done.
func (s *segment) leave(all ...entry) {
	s.t.Helper()
	s.do(func() error {
		k, err := openKernel()
		if err != nil {
			return err
		}
		defer k.close()
		for _, e := range all {
			if err := k.add(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestLANCleansUpAfterAKill: whatever the process had, and nothing else.
func TestLANCleansUpAfterAKill(t *testing.T) {
	s := newSegment(t)
	mask := uint32(0xffffffff)
	s.do(func() error {
		if err := netlink.RuleAdd(&netlink.Rule{
			Priority: 91, Mark: 77, Mask: &mask, Table: 530_001, Family: unix.AF_INET,
			Goto: -1, SuppressPrefixlen: -1, SuppressIfgroup: -1, Flow: -1, Protocol: 4,
		}); err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{
			Dst: netlink.NewIPNet(vip.AsSlice()), LinkIndex: s.end.Index(), Scope: netlink.SCOPE_LINK, Table: 530_001,
		})
	})
	s.director.SetNeighbor(s.end.Name(), rip(99), lab.MustMAC("02:00:00:00:00:99"))
	before := s.world()
	index := s.end.Index()
	s.leave(
		neighbor{rip(21), MAC{2, 0, 0, 0, 0, 21}, index}, neighbor{rip6(21), MAC{2, 0, 0, 0, 0, 21}, index},
		route{530_001, netip.MustParseAddr("192.0.2.11"), rip(21), index}, route{530_002, vip6, rip6(21), index},
		rule{priority: 92, action: nop}, rule{priority: 90, action: jump, mask: markMask, to: 92},
		rule{priority: 91, action: lookup, mark: mark(1), mask: markMask, to: 530_001},
		rule{v6: true, priority: 191, action: lookup, mark: mark(7), mask: markMask, to: 530_007},
	)
	if slices.Equal(s.world(), before) {
		t.Fatal("nothing was left")
	}
	s.open()
	s.unchanged(before)
}

// TestLANLeavesOthersAlone: priorities, marks and tables that others use are not
// taken.
func TestLANLeavesOthersAlone(t *testing.T) {
	s := newSegment(t)
	own(s.server(21))
	own(s.server(22))
	add := func(priority int, mark uint32, table int) {
		s.do(func() error {
			mask := uint32(0xffffffff)
			r := netlink.NewRule()
			r.Family, r.Priority, r.Mark, r.Mask, r.Table = unix.AF_INET, priority, mark, &mask, table
			return netlink.RuleAdd(r)
		})
	}
	add(92, 5, 7)              // a priority
	add(2000, 0x00100000, 100) // the mark of number 1
	add(2001, 0x00200001, 100) // one that the rule of number 2 would take along
	add(2002, 5, tableBase+3)  // a table
	add(2003, 0, 100)          // takes whatever comes there
	s.director.AddRoute(lab.Route{Dst: netip.MustParsePrefix("203.0.113.0/24"), Dev: s.end.Name(), Table: tableBase + 4})
	before := s.world()
	w := s.open()
	s.set(both(21)[0], both(22)[0])
	if name := s.answers(rip(22)); name != "server22" {
		t.Errorf("%q answers", name)
	}
	s.quiet()
	if w.plan.priority != 100 {
		t.Errorf("priority %d", w.plan.priority)
	}
	for a, n := range w.plan.numbers {
		if n < 5 || n > 6 {
			t.Errorf("%v has number %d", a, n)
		}
	}
	add(101, 5, 7)
	if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "priority 101") {
		t.Errorf("a rule between ours: %+v", p)
	}
	s.close(w)
	s.do(func() error {
		r := netlink.NewRule()
		r.Family, r.Priority = unix.AF_INET, 101
		return netlink.RuleDel(r)
	})
	s.unchanged(before)
}

// TestLANPutsBack: who flushes rules and routes is noticed, and whoever leads
// probes astray.
func TestLANPutsBack(t *testing.T) {
	s := newSegment(t)
	own(s.server(21))
	s.open()
	s.set(both(21)...)
	full := s.world()
	s.do(func() error {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			rules, err := netlink.RuleList(family)
			if err != nil {
				return err
			}
			for _, r := range rules {
				if r.Protocol == Protocol && r.Goto < 0 && r.Table > 0 {
					if err := netlink.RuleDel(&r); err != nil {
						return err
					}
				}
			}
		}
		return netlink.RouteDel(&netlink.Route{Dst: netlink.NewIPNet(vip.AsSlice()), Table: tableBase + 1})
	})
	if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "3 rules and routes of probes were gone") || !strings.Contains(p[0].Remedy, "protocol 86") {
		t.Errorf("flushed: %+v", p)
	}
	s.unchanged(full)
	s.quiet()

	astray := netlink.NewRule()
	astray.Family, astray.Priority, astray.Table = unix.AF_INET, 10, 99
	s.director.AddRoute(lab.Route{Dev: s.end.Name(), Table: 99})
	s.do(func() error { return netlink.RuleAdd(astray) })
	if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "another rule comes before priority 90") {
		t.Errorf("astray: %+v", p)
	}
	if r := s.check(rip(21), healthcheck.ViaVIP); r.OK || !strings.Contains(r.Message, "no way to 192.0.2.21") {
		t.Errorf("astray: %+v", r)
	}
	if name := s.answers(rip6(21)); name != "server21" {
		t.Errorf("the other family: %q answers", name)
	}
	s.do(func() error { return netlink.RuleDel(astray) })
	if name := s.answers(rip(21)); name != "server21" {
		t.Errorf("no longer astray: %q answers", name)
	}
	s.quiet()
}

// TestLANOneVIPAstray: a VIP that the host has itself keeps nobody from asking the
// others.
func TestLANOneVIPAstray(t *testing.T) {
	s := newSegment(t)
	server := s.server(21)
	own(server)
	other := netip.MustParseAddr("192.0.2.11")
	server.Interface("lo").AddAddr(netip.PrefixFrom(other, 32))
	s.open()
	s.set(Server{Addr: rip(21), VIPs: []netip.Addr{other, vip}})
	s.quiet()
	asks := func(when string, to netip.Addr, want string) {
		t.Helper()
		s.do(func() error {
			d := net.Dialer{Control: s.ways.Way(rip(21)).Control, Timeout: patience}
			c, err := d.Dial("tcp", netip.AddrPortFrom(to, 80).String())
			if err == nil {
				c.Close()
			}
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s, %v: %v, want %q", when, to, err, want)
			}
			return nil
		})
	}
	lo := s.director.Interface("lo")
	lo.AddAddr(netip.PrefixFrom(vip, 32))
	for _, when := range []string{"the host has it", "the host has it, which is known"} {
		asks(when, vip, "no way to 192.0.2.21")
		asks(when, other, "")
		if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "a probe of 192.0.2.10 would not go by 192.0.2.21") {
			t.Errorf("%s: %+v", when, p)
		}
	}
	lo.DeleteAddr(netip.PrefixFrom(vip, 32))
	asks("the host no longer has it", vip, "")
	s.quiet()
}

// TestLANMendsForAProbe: what somebody removed is back with the first probe that
// needs it. No server fails for it, and nobody else answers in a server's place.
func TestLANMendsForAProbe(t *testing.T) {
	s := newSegment(t)
	servers := slices.Concat(both(21), both(22))
	for n := 21; n <= 22; n++ {
		own(s.server(n))
	}
	// Whoever asks the VIPs without a rule asks this one.
	own(s.server(23))
	s.director.AddRoute(lab.Route{Dst: netip.PrefixFrom(vip, 32), Via: rip(23)})
	s.director.AddRoute(lab.Route{Dst: netip.PrefixFrom(vip6, 128), Via: rip6(23)})
	for i := range servers {
		servers[i].Programs = true
	}
	s.open()
	s.set(servers...)
	s.quiet()
	full := s.world()
	rules := func() error {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			list, err := netlink.RuleList(family)
			if err != nil {
				return err
			}
			for _, r := range list {
				if r.Protocol == Protocol {
					if err := s.ways.kernel.remove(ruleOf(&r, family)); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	routes := func() error {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			list, err := netlink.RouteListFiltered(family, &netlink.Route{Protocol: Protocol}, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
			if err != nil {
				return err
			}
			for _, r := range list {
				if err := netlink.RouteDel(&r); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, flush := range []func() error{rules, routes} {
		for _, server := range servers {
			s.do(flush)
			if slices.Equal(s.world(), full) {
				t.Fatal("nothing was removed")
			}
			want := "server21"
			if server.Addr == rip(22) || server.Addr == rip6(22) {
				want = "server22"
			}
			if name := s.answers(server.Addr); name != want {
				t.Errorf("%v: %q answers", server.Addr, name)
			}
			s.unchanged(full)
			s.do(flush)
			if name, err := s.asks(server.Addr, server.VIPs[0]); err != nil || name != want {
				t.Errorf("a program that asks %v: %q answers, %v", server.Addr, name, err)
			}
		}
		if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "were gone, and were put back") {
			t.Errorf("flushed: %+v", p)
		}
		s.quiet()
	}
	s.unchanged(full)
}

// ruleOf is a rule of this package's that is in the kernel.
func ruleOf(r *netlink.Rule, family int) rule {
	switch {
	case r.Goto > 0:
		return rule{v6: family == unix.AF_INET6, priority: uint32(r.Priority), action: jump, mask: markMask, to: uint32(r.Goto)}
	case r.Mark != 0:
		return rule{v6: family == unix.AF_INET6, priority: uint32(r.Priority), action: lookup, mark: r.Mark, mask: markMask, to: uint32(r.Table)}
	}
	return rule{v6: family == unix.AF_INET6, priority: uint32(r.Priority), action: nop}
}

// TestLANInterfaceComesAndGoes: the kernel drops the routes of an interface that is
// down.
func TestLANInterfaceComesAndGoes(t *testing.T) {
	s := newSegment(t)
	server := s.server(21)
	own(server)
	s.open()
	pinned := both(21)
	copy(pinned[0].MAC[:], server.Interface("eth0").MAC())
	s.set(pinned...)
	s.end.Down()
	if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "interface eth0 is down") {
		t.Errorf("down: %+v", p)
	}
	if r := s.check(rip(21), healthcheck.ViaVIP); r.OK || !strings.Contains(r.Message, "interface eth0 is down") {
		t.Errorf("down: %+v", r)
	}
	s.end.Up()
	s.do(func() error { s.ways.Restore(); return nil })
	if name := s.answers(rip(21)); name != "server21" {
		t.Errorf("up again: %q answers", name)
	}
	s.quiet()
	s.end.Recreate(nil)
	s.do(func() error { s.ways.Restore(); return nil })
	if name := s.answers(rip(21)); name != "server21" {
		t.Errorf("made again: %q answers", name)
	}
	s.quiet()
	s.end.Delete()
	if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "interface eth0 does not exist") {
		t.Errorf("gone: %+v", p)
	}
}

// TestLANOneDirector: two would remove each other's.
func TestLANOneDirector(t *testing.T) {
	s := newSegment(t)
	own(s.server(21))
	first := s.open()
	s.set(both(21)...)
	second := s.open()
	check := func(w *Ways) (err error) {
		s.do(func() error { err = w.Check(both(21)); return nil })
		return err
	}
	if err := check(second); err == nil || !strings.Contains(err.Error(), "another director") {
		t.Errorf("the second: %v", err)
	}
	s.set(both(21)...)
	if r := s.check(rip(21), healthcheck.ViaVIP); r.OK || !strings.Contains(r.Message, "another director") {
		t.Errorf("the second: %+v", r)
	}
	if p := s.look(); len(p) != 1 || !strings.Contains(p[0].What, "another director") {
		t.Errorf("the second: %+v", p)
	}
	s.ways = first
	if name := s.answers(rip(21)); name != "server21" {
		t.Errorf("the first: %q answers", name)
	}
	s.close(first)
	if err := check(second); err != nil {
		t.Errorf("the first has ended: %v", err)
	}
	s.ways = second
	s.quiet()
	if name := s.answers(rip(21)); name != "server21" {
		t.Errorf("the second, by now: %q answers", name)
	}
}

// TestLANLeaksNothing: over 100 changes of the servers.
func TestLANLeaksNothing(t *testing.T) {
	s := newSegment(t)
	before := s.world()
	s.open()
	sets := [][]Server{both(21), slices.Concat(both(21), both(22)), {{Addr: rip(23), VIPs: []netip.Addr{vip}, MAC: MAC{2, 0, 0, 0, 0, 23}, Programs: true}}, nil}
	s.set(sets[1]...)
	s.set(sets[2]...)
	full, files, goroutines := s.world(), openFiles(t), runtime.NumGoroutine()
	for i := range 100 {
		s.set(sets[i%len(sets)]...)
		s.quiet()
	}
	s.set(sets[2]...)
	// The number of the server that comes back is another one each time, and one
	// behind the first block has a rule that leads there.
	if now := s.world(); len(now) != len(full)+1 {
		t.Errorf("%d entries were, %d are:\n%s", len(full), len(now), strings.Join(now, "\n"))
	}
	if n := openFiles(t); n > files {
		t.Errorf("%d files were open, %d are", files, n)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines were, %d are", goroutines, n)
	}
	s.set()
	s.unchanged(before)
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestLANManyServers: 2,000 ways are made, looked at and removed without keeping
// the director's loop for long.
func TestLANManyServers(t *testing.T) {
	const n, limit = 2000, 3 * time.Second // the machine may be busy; alone it takes a tenth of it
	s := newSegment(t)
	before := s.world()
	s.open()
	var servers []Server
	for i := range n {
		servers = append(servers, Server{Addr: netip.AddrFrom4([4]byte{192, 0, 2 + byte(i/200), byte(20 + i%200)}), VIPs: []netip.Addr{vip}})
	}
	took := func(what string, fn func()) {
		start := time.Now()
		fn()
		d := time.Since(start)
		t.Logf("%s: %v", what, d)
		if d > limit {
			t.Errorf("%s took %v", what, d)
		}
	}
	took("set", func() { s.set(servers...) })
	took("look", s.quiet)
	took("set one less", func() { s.set(servers[1:]...) })
	// Each has a rule and a route, each of 32 blocks but the first a rule.
	if lines := len(s.world()); lines != len(before)+2*(n-1)+31+2 {
		t.Errorf("%d entries, want %d", lines, len(before)+2*(n-1)+31+2)
	}
	took("remove", func() { s.set() })
	s.unchanged(before)
	many := slices.Clone(servers)
	for i := range MaxServers + 1 {
		many = append(many, Server{Addr: netip.MustParseAddr(fmt.Sprintf("2001:db8::1:%x", i)), VIPs: []netip.Addr{vip6}})
	}
	s.do(func() error {
		if err := s.ways.Check(many); err == nil || !strings.Contains(err.Error(), "at most 4095") {
			t.Errorf("too many: %v", err)
		}
		return nil
	})
}
