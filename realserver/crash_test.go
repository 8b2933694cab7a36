package realserver

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
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

func TestKilledInApply(t *testing.T) {
	n := 1
	for ; ; n++ {
		h, o := newHost(), options(t, vipA, vipB, vip6)
		before := h.Snapshot()
		if !kill(t, o, h, n, apply) {
			break
		}
		mustUndo(t, o, h)
		wantSame(t, "killed in apply, undone", h.Snapshot(), before)
		wantNoRecord(t, o)
	}
	if want := 4*7 + 1; n != want {
		t.Errorf("%d points to die at, want %d: 4 for each of 7 steps", n-1, want-1)
	}
}

// After a crash, applying again reaches what it would have reached at once.
func TestKilledInApplyThenApplied(t *testing.T) {
	clean, o := newHost(), options(t, vipA, vipB, vip6)
	mustApply(t, o, clean)
	for n := 1; ; n++ {
		h, o := newHost(), options(t, vipA, vipB, vip6)
		before := h.Snapshot()
		if !kill(t, o, h, n, apply) {
			return
		}
		mustApply(t, o, h)
		wantSame(t, "killed in apply, applied", h.Snapshot(), clean.Snapshot())
		mustUndo(t, o, h)
		wantSame(t, "undone", h.Snapshot(), before)
	}
}

func TestKilledInUndo(t *testing.T) {
	for n := 1; ; n++ {
		h, o := newHost(), options(t, vipA, vipB, vip6)
		before := h.Snapshot()
		mustApply(t, o, h)
		if !kill(t, o, h, n, undo) {
			return
		}
		mustUndo(t, o, h)
		wantSame(t, "killed in undo, undone", h.Snapshot(), before)
		wantNoRecord(t, o)
	}
}

// TestRandomSequences applies, undoes and kills at random with several VIPs and
// hosts that begin at random. Whatever happened, undoing all restores the host;
// and while nothing was killed, the host is what one apply of those VIPs
// makes of it.
func TestRandomSequences(t *testing.T) {
	pool := []netip.Addr{
		vipA, vipB, netip.MustParseAddr("192.0.2.12"), netip.MustParseAddr("198.51.100.1"),
		vip6, netip.MustParseAddr("2001:db8::11"),
	}
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 11))
		h, o := randomHost(random), options(t)
		before, start := h.Snapshot(), slices.Clone(h.Address)
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
				wantApplied(t, h, start, applied)
			}
		}
		o.VIPs = nil
		mustUndo(t, o, h)
		wantSame(t, "all undone", h.Snapshot(), before)
		wantNoRecord(t, o)
	}
}

// randomHost has any of the sysctls' values, and some VIPs already.
func randomHost(random *rand.Rand) *Memory {
	h := newHost()
	for _, name := range []string{"all", "eth0"} {
		h.Sysctl[ipv4Conf(name, "arp_ignore")] = itoa([]int{0, 0, 0, 1, 3, 5}[random.IntN(6)])
		h.Sysctl[ipv4Conf(name, "arp_announce")] = itoa(random.IntN(3))
	}
	if random.IntN(3) == 0 {
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

// wantApplied says that exactly the applied VIPs are on lo, beside what was
// there, and that they are silent.
func wantApplied(t *testing.T, h *Memory, start []Address, applied map[netip.Addr]bool) {
	t.Helper()
	var on, off []netip.Addr
	for vip, yes := range applied {
		was := slices.ContainsFunc(start, func(a Address) bool { return a.Prefix.Addr() == vip })
		switch is := slices.ContainsFunc(h.Address, func(a Address) bool { return a.Prefix.Addr() == vip }); {
		case yes:
			on = append(on, vip)
		case is != was:
			off = append(off, vip)
		}
	}
	if len(off) > 0 {
		t.Fatalf("%v: undone, but not as before", off)
	}
	if len(on) == 0 {
		return
	}
	findings, err := Check(Options{VIPs: on, StateDir: t.TempDir()}, h)
	if err != nil || !Healthy(findings) {
		t.Fatalf("%v applied: %v, %+v", on, err, findings)
	}
}
