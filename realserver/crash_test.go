package realserver

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
)

// kill runs fn like a process that gets SIGKILL at the n-th point at which a
// crash makes a difference: around each change of the host and around each
// rename of the record. It reports whether there is such a point.
func kill(t *testing.T, o Options, m *Memory, n int, fn func(*runner) error) (dead bool) {
	t.Helper()
	r, err := newRunner(o, m)
	if err != nil {
		t.Fatal(err)
	}
	points := 0
	at := func() {
		if points++; points == n {
			dead = true
			runtime.Goexit()
		}
	}
	m.Hook = func(string) error { at(); return nil }
	r.store.hook = func(string) { at() }
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = fn(r)
	}()
	<-done
	m.Hook = nil
	if !dead && err != nil && !errors.Is(err, ErrNothingApplied) {
		t.Fatal(err)
	}
	return dead
}

func apply(r *runner) error { _, err := r.apply(); return err }
func undo(r *runner) error  { _, err := r.undo(); return err }

func mustUndo(t *testing.T, o Options, h Host) {
	t.Helper()
	if _, err := Undo(o, h); err != nil && !errors.Is(err, ErrNothingApplied) {
		t.Fatal(err)
	}
}

// recipe is one method as the crash tests apply it: to vipA, vipB and vip6.
type recipe struct {
	method string
	steps  int // that applying it to newHost takes
}

var recipes = []recipe{
	{MethodSysctl, 7},
	{MethodRedirect, 3},
	{MethodARPTables, 5},
	{MethodHidden, 5},
}

// host is newHost with IPv6 on eth0 and, for that method, the hidden patch.
func (r recipe) host() *Memory {
	h := newHost()
	if r.method == MethodHidden {
		for _, name := range []string{"all", "lo", "eth0"} {
			h.Sysctl[ipv4Conf(name, "hidden")] = "0"
		}
	}
	h.Address = append(h.Address, Address{Interface: "eth0", Prefix: netip.MustParsePrefix("2001:db8::21/64")})
	return h
}

func (r recipe) options(t *testing.T, vips ...netip.Addr) Options {
	t.Helper()
	o := options(t, vips...)
	o.Method = r.method
	return o
}

// eachRecipe runs a test with each.
func eachRecipe(t *testing.T, test func(*testing.T, recipe)) {
	for _, r := range recipes {
		t.Run(r.method, func(t *testing.T) { test(t, r) })
	}
}

func TestKilledInApply(t *testing.T) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		n := 1
		for ; ; n++ {
			h, o := r.host(), r.options(t, vipA, vipB, vip6)
			before := h.Snapshot()
			if !kill(t, o, h, n, apply) {
				break
			}
			mustUndo(t, o, h)
			wantSame(t, "killed in apply, undone", h.Snapshot(), before)
			wantNoRecord(t, o)
		}
		if want := 4*r.steps + 1; n != want {
			t.Errorf("%d points to die at, want %d: 4 for each of %d steps", n-1, want-1, r.steps)
		}
	})
}

// After a crash, applying again reaches what it would have reached at once.
func TestKilledInApplyThenApplied(t *testing.T) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		clean, o := r.host(), r.options(t, vipA, vipB, vip6)
		mustApply(t, o, clean)
		for n := 1; ; n++ {
			h, o := r.host(), r.options(t, vipA, vipB, vip6)
			before := h.Snapshot()
			if !kill(t, o, h, n, apply) {
				return
			}
			mustApply(t, o, h)
			wantSame(t, "killed in apply, applied", h.Snapshot(), clean.Snapshot())
			mustUndo(t, o, h)
			wantSame(t, "undone", h.Snapshot(), before)
		}
	})
}

func TestKilledInUndo(t *testing.T) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		for n := 1; ; n++ {
			h, o := r.host(), r.options(t, vipA, vipB, vip6)
			before := h.Snapshot()
			mustApply(t, o, h)
			if !kill(t, o, h, n, undo) {
				return
			}
			mustUndo(t, o, h)
			wantSame(t, "killed in undo, undone", h.Snapshot(), before)
			wantNoRecord(t, o)
		}
	})
}

// TestRandomSequences applies, undoes and kills at random with several VIPs and
// hosts that begin at random. Whatever happened, undoing all restores the host;
// and while nothing was killed, the host is what one apply of those VIPs
// makes of it.
func TestRandomSequences(t *testing.T) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		for seed := range uint64(60) {
			r.randomSequence(t, rand.New(rand.NewPCG(seed, 11)))
		}
	})
}

func (r recipe) randomSequence(t *testing.T, random *rand.Rand) {
	pool := []netip.Addr{
		vipA, vipB, netip.MustParseAddr("192.0.2.12"), netip.MustParseAddr("198.51.100.1"),
		vip6, netip.MustParseAddr("2001:db8::11"),
	}
	h, o := r.randomHost(random), r.options(t)
	before, start := h.Snapshot(), present(h)
	applied := map[netip.Addr]bool{}
	certain := true
	for range 12 {
		o.VIPs = pick(random, pool)
		act, effect := apply, true
		if random.IntN(2) == 0 {
			act, effect = undo, false
		}
		n := 0 // never
		if random.IntN(4) == 0 {
			n = 1 + random.IntN(20)
		}
		if kill(t, o, h, n, act) {
			certain = false
		}
		for _, vip := range o.VIPs {
			applied[vip] = effect
		}
		if certain {
			r.wantApplied(t, h, start, applied)
		}
	}
	o.VIPs = nil
	mustUndo(t, o, h)
	wantSame(t, "all undone", h.Snapshot(), before)
	wantNoRecord(t, o)
}

// randomHost has any of the sysctls' values, and vipB already, by hand.
func (r recipe) randomHost(random *rand.Rand) *Memory {
	h := r.host()
	for _, name := range []string{"all", "eth0"} {
		h.Sysctl[ipv4Conf(name, "arp_ignore")] = itoa([]int{0, 0, 0, 1, 3, 5}[random.IntN(6)])
		h.Sysctl[ipv4Conf(name, "arp_announce")] = itoa(random.IntN(3))
	}
	switch {
	case random.IntN(3) > 0:
	case r.method == MethodRedirect:
		h.Table = append(h.Table, redirectMethod{}.table(vipB, []Service{{}}, &state{}))
	default:
		h.Address = append(h.Address, Address{Interface: "lo", Prefix: netip.PrefixFrom(vipB, 32), Scope: ScopeHost, Label: "lo:1"})
	}
	return h
}

func pick(random *rand.Rand, pool []netip.Addr) []netip.Addr {
	n := 1 + random.IntN(3)
	picked := make([]netip.Addr, 0, n)
	for range n {
		picked = append(picked, pool[random.IntN(len(pool))])
	}
	return picked
}

// present lists the VIPs that the host has as addresses, or tables for.
func present(h *Memory) map[netip.Addr]bool {
	vips := map[netip.Addr]bool{}
	for _, a := range h.Address {
		vips[a.Prefix.Addr()] = true
	}
	for _, table := range h.Table {
		vips[table.Chains[0].Rules[0].VIP] = true
	}
	return vips
}

// wantApplied says that exactly the applied VIPs are there, beside what was
// at the start, and that they are silent.
func (r recipe) wantApplied(t *testing.T, h *Memory, start, applied map[netip.Addr]bool) {
	t.Helper()
	is := present(h)
	o := Options{Method: r.method, StateDir: t.TempDir()}
	for vip, yes := range applied {
		switch {
		case yes:
			o.VIPs = append(o.VIPs, vip)
		case is[vip] != start[vip]:
			t.Fatalf("%v: undone, but not as before", vip)
		}
	}
	if len(o.VIPs) == 0 {
		return
	}
	findings, err := Check(o, h)
	if err != nil || !Healthy(findings) {
		t.Fatalf("%v applied: %v, %+v", o.VIPs, err, findings)
	}
}
