package realserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// keeping is a Keeper that runs on a host in memory, in a bubble of synctest.
type keeping struct {
	*Keeper
	host  *Memory
	log   *bytes.Buffer
	looks int
	stop  context.CancelFunc
	ended chan error
	mu    sync.Mutex // that the host's reader takes, to see what was done quietly
}

// synced is a host in memory that others may change while nothing happens.
type synced struct {
	*Memory
	mu *sync.Mutex
}

func (h synced) pass() {
	h.mu.Lock()
	defer h.mu.Unlock()
}

func (h synced) Identity() (Identity, error) {
	h.pass()
	return h.Memory.Identity()
}

func (h synced) ReadSysctl(key string) (string, error) {
	h.pass()
	return h.Memory.ReadSysctl(key)
}

// keep runs a Keeper and waits until it is on guard.
func keep(t *testing.T, h *Memory, o Options, change ...func(*KeeperConfig)) *keeping {
	t.Helper()
	k := &keeping{host: h, log: new(bytes.Buffer), ended: make(chan error, 1)}
	c := KeeperConfig{
		Options: o, Host: synced{h, &k.mu}, Looked: func(Report) { k.looks++ },
		Log: slog.New(slog.NewTextHandler(k.log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	}
	for _, fn := range change {
		fn(&c)
	}
	var err error
	if k.Keeper, err = NewKeeper(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	k.stop = cancel
	go func() { k.ended <- k.Run(ctx) }()
	synctest.Wait()
	return k
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// end stops it and wants no error.
func (k *keeping) end(t *testing.T) {
	t.Helper()
	k.stop()
	if err := <-k.ended; err != nil {
		t.Fatal(err)
	}
}

// drift changes the host behind the Keeper's back and has the kernel tell of it.
func (k *keeping) drift(change func(*Memory)) {
	change(k.host)
	k.host.Changed()
	synctest.Wait()
}

// quietly changes the host, and nobody tells of it.
func (k *keeping) quietly(change func(*Memory)) {
	synctest.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k.host)
}

// logged counts the lines of the log that have the text.
func (k *keeping) logged(text string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for line := range strings.Lines(k.log.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func wantHealth(t *testing.T, when string, r Report, healthy bool) {
	t.Helper()
	if r.Healthy != healthy {
		t.Fatalf("%s: healthy is %v:\n%v", when, r.Healthy, r)
	}
}

// inBubbles runs the test in a bubble of time for each recipe.
func inBubbles(t *testing.T, test func(*testing.T, recipe)) {
	eachRecipe(t, func(t *testing.T, r recipe) {
		synctest.Test(t, func(t *testing.T) { test(t, r) })
	})
}

// TestKeeperMends: whatever of the applied is taken away at once or by and by is
// put back the moment that the kernel tells of it, and undo restores what the
// first apply found.
func TestKeeperMends(t *testing.T) {
	inBubbles(t, func(t *testing.T, r recipe) {
		h, o := r.host(), r.options(t, vipA, vipB, vip6)
		before := h.Snapshot()
		k := keep(t, h, o, func(c *KeeperConfig) { c.UndoOnExit = true })
		applied := h.Snapshot()
		wantHealth(t, "applied", k.Report(), true)
		if n := k.logged("msg=applied"); n != r.steps {
			t.Errorf("%d changes logged, want %d", n, r.steps)
		}
		for _, drift := range []func(*Memory){
			func(m *Memory) {
				m.Address = slices.DeleteFunc(m.Address, func(a Address) bool { return a.Prefix.Addr() == vipA })
				m.Table = slices.DeleteFunc(m.Table, func(t Table) bool { return t.Name == tableName(vipA) })
			},
			func(m *Memory) {
				m.Address = slices.DeleteFunc(m.Address, func(a Address) bool { return a.Prefix.IsSingleIP() && a.Prefix.Addr() != netip.IPv6Loopback() })
				m.Table = nil
			},
			func(m *Memory) {
				for key := range m.Sysctl {
					switch path.Base(key) {
					case "arp_ignore", "arp_announce", "hidden":
						m.Sysctl[key] = "0"
					}
				}
			},
		} {
			start := time.Now()
			k.drift(drift)
			if sorted(h.Snapshot()) != sorted(applied) {
				t.Fatalf("not put back:\n%s\nwant\n%s", h.Snapshot(), applied)
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("put back after %v", took)
			}
			wantHealth(t, "put back", k.Report(), true)
		}
		if k.logged(`msg="drift; put back"`) == 0 || k.Report().Mended == 0 {
			t.Errorf("no drift in the log:\n%s", k.log)
		}
		k.end(t)
		wantSame(t, "undone", h.Snapshot(), before)
		wantNoRecord(t, o)
	})
}

// sorted puts the lines in order.
func sorted(text string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(text, "\n")), "\n")
}

// TestKeeperPolls: nobody tells of arp_ignore, so that it is compared.
func TestKeeperPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA), func(c *KeeperConfig) { c.Interval = 200 * time.Millisecond })
		key := ipv4Conf("eth0", "arp_ignore")
		k.quietly(func(m *Memory) { m.Sysctl[key] = "0" })
		time.Sleep(201 * time.Millisecond)
		synctest.Wait()
		if h.Sysctl[key] != "3" {
			t.Errorf("arp_ignore is %s after an interval", h.Sysctl[key])
		}
		if want := `msg="drift; put back" setting=net.ipv4.conf.eth0.arp_ignore was=0 now=3`; k.logged(want) != 1 {
			t.Errorf("no %q in the log:\n%s", want, k.log)
		}
		k.end(t)
	})
}

// TestKeeperIsQuiet: without changes it reads, rarely, and writes nothing.
func TestKeeperIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA, vip6)
		k := keep(t, h, o)
		changes := 0
		h.Hook = func(string) error { changes++; return nil }
		file := recordFile(t, o)
		looks, lines := 0, k.logged("")
		k.quietly(func(*Memory) { looks = k.looks })
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := k.looks - looks; n < 700 || n > 721 {
			t.Errorf("%d looks in an hour", n)
		}
		if changes > 0 || k.logged("") != lines || recordFile(t, o) != file {
			t.Errorf("%d changes, the record was written: %v, the log:\n%s", changes, recordFile(t, o) != file, k.log)
		}
		k.end(t)
	})
}

// recordFile describes the record as a file.
func recordFile(t *testing.T, o Options) string {
	t.Helper()
	names, err := filepath.Glob(o.StateDir + "/realserver-*.json")
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	info, err := os.Stat(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(info.ModTime(), info.Sys().(*syscall.Stat_t).Ino)
}

// TestKeeperLeavesTheLockAlone: while it waits, others can apply.
func TestKeeperLeavesTheLockAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA)
		k := keep(t, h, o)
		other := o
		other.VIPs = []netip.Addr{vipB}
		mustApply(t, other, h)
		if _, err := Undo(other, h); err != nil {
			t.Error(err)
		}
		wantHealth(t, "another VIP came and went", k.Report(), true)
		k.end(t)
	})
}

// TestKeeperInterfaces: those that come get what they need, and one that is made
// anew does too. Undo restores what is left.
func TestKeeperInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA)
		before := h.Snapshot()
		k := keep(t, h, o)
		plug := func(m *Memory) {
			m.Link = append(m.Link, Link{Name: "eth1", Up: true, ARP: true})
			m.Address = append(m.Address, Address{Interface: "eth1", Prefix: netip.MustParsePrefix("198.51.100.21/24"), Label: "eth1"})
			for _, leaf := range []string{"arp_ignore", "arp_announce", "rp_filter", "proxy_arp"} {
				m.Sysctl[ipv4Conf("eth1", leaf)] = "0"
			}
		}
		unplug := func(m *Memory) {
			m.Link = slices.DeleteFunc(m.Link, func(l Link) bool { return l.Name == "eth1" })
			m.Address = slices.DeleteFunc(m.Address, func(a Address) bool { return a.Interface == "eth1" })
			for _, leaf := range []string{"arp_ignore", "arp_announce", "rp_filter", "proxy_arp"} {
				delete(m.Sysctl, ipv4Conf("eth1", leaf))
			}
		}
		for range 2 {
			k.drift(plug)
			if got := h.Sysctl[ipv4Conf("eth1", "arp_ignore")] + h.Sysctl[ipv4Conf("eth1", "arp_announce")]; got != "32" {
				t.Fatalf("a new interface has arp_ignore and arp_announce %s", got)
			}
			wantHealth(t, "eth1 came", k.Report(), true)
			k.drift(unplug)
			wantHealth(t, "eth1 went", k.Report(), true)
		}
		k.end(t)
		mustUndo(t, o, h)
		wantSame(t, "undone", h.Snapshot(), before)
	})
}

// TestKeeperNamedInterfaces: one that is gone is missed, and the VIPs are kept on
// the other. Without any, nothing is known of what to keep.
func TestKeeperNamedInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost("eth1"), options(t, vipA)
		o.Interfaces = []string{"eth0", "eth1"}
		k := keep(t, h, o)
		eth0, eth1 := h.Link[1], h.Link[2]
		k.drift(func(m *Memory) {
			m.Link = []Link{m.Link[0], eth0}
			m.Address = m.Address[:len(m.Address)-1]
			m.Sysctl[ipv4Conf("all", "arp_ignore")] = "0"
		})
		if !present(h)[vipA] || h.Sysctl[ipv4Conf("all", "arp_ignore")] != "3" {
			t.Errorf("not put back:\n%s", h.Snapshot())
		}
		r := k.Report()
		wantHealth(t, "eth1 is gone", r, false)
		if want := "interface eth1: not found; the VIPs are kept on eth0 meanwhile"; r.Problem != want {
			t.Errorf("the problem is %q, want %q", r.Problem, want)
		}
		k.drift(func(m *Memory) { m.Link = []Link{m.Link[0]} })
		if r := k.Report(); !strings.HasPrefix(r.Problem, "interface eth0: not found; there is lo") {
			t.Errorf("the problem is %q", r.Problem)
		}
		k.drift(func(m *Memory) {
			m.Link = append(m.Link, eth0, eth1)
			m.Sysctl[ipv4Conf("eth1", "arp_ignore")] = "0" // made anew
		})
		wantHealth(t, "both are back", k.Report(), true)
		if got := h.Sysctl[ipv4Conf("eth1", "arp_ignore")]; got != "3" {
			t.Errorf("arp_ignore on eth1 is %s", got)
		}
		k.end(t)
	})
}

// TestKeeperFights: somebody who sets a value back all the time is named, at
// growing intervals, and does not keep the Keeper busy.
func TestKeeperFights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA)
		before := h.Snapshot()
		k := keep(t, h, o)
		key := ipv4Conf("all", "arp_announce")
		writes := 0
		h.Hook = func(what string) error {
			if what == "after sysctl "+key {
				writes++
			}
			return nil
		}
		const seconds = 160
		for range 20 * seconds {
			h.Sysctl[key] = "0"
			h.Changed()
			time.Sleep(time.Second / 20)
			synctest.Wait()
		}
		if most := seconds*int(time.Second/lookPause) + lookBurst + 1; writes > most || writes < most/2 {
			t.Errorf("%d writes in %d s, want at most %d", writes, seconds, most)
		}
		// After the first, reminders after 10, 20, 40 and 80 s.
		if plain, fight := k.logged(`msg="drift; put back"`), k.logged(`msg="a fight: `); plain != seriesPlain || fight != 5 {
			t.Errorf("%d lines of drift and %d of a fight:\n%s", plain, fight, k.log)
		}
		if r := k.Report(); !slices.Equal(r.Fights, []string{"net.ipv4.conf.all.arp_announce"}) || r.Mended != writes {
			t.Errorf("%d writes; the report is\n%v", writes, r)
		}
		time.Sleep(seriesEnd + 2*lookEvery)
		synctest.Wait()
		if k.logged(`msg="the fight is over" setting=net.ipv4.conf.all.arp_announce`) != 1 || len(k.Report().Fights) > 0 {
			t.Errorf("the fight does not end:\n%s", k.log)
		}
		k.end(t)
		h.Hook = nil
		mustUndo(t, o, h)
		wantSame(t, "undone", h.Snapshot(), before)
	})
}

// TestKeeperMendsWithinTheLimit: drift that comes in the midst of other changes
// is put back within a pause of the limit.
func TestKeeperMendsWithinTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA))
		for range 1000 { // routes that flap
			h.Changed()
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		start := time.Now()
		h.Address = slices.DeleteFunc(h.Address, func(a Address) bool { return a.Prefix.Addr() == vipA })
		h.Changed()
		time.Sleep(lookPause)
		synctest.Wait()
		if !slices.ContainsFunc(h.Address, func(a Address) bool { return a.Prefix.Addr() == vipA }) {
			t.Errorf("the VIP is missing after %v", time.Since(start))
		}
		k.end(t)
	})
}

// TestKeeperRefused: what cannot be applied is tried again with pauses, told
// once, and is not healthy; when it can, it is applied.
func TestKeeperRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA))
		tries := 0
		h.Hook = func(what string) error {
			if strings.HasPrefix(what, "before add") {
				tries++
				return syscall.EROFS
			}
			return nil
		}
		k.drift(func(m *Memory) { m.Address = m.Address[:len(m.Address)-1] })
		r := k.Report()
		wantHealth(t, "refused", r, false)
		if !strings.Contains(r.Problem, "read-only file system") || r.Since != r.Checked {
			t.Errorf("%v", r)
		}
		for range 100 { // what happens elsewhere is no reason to try
			h.Changed()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		// 0, 1, 3, 7, 15, 30, 45, 60 s
		if tries != 8 {
			t.Errorf("%d tries in a minute", tries)
		}
		if n := k.logged("level=ERROR"); n != 1 {
			t.Errorf("%d errors in the log:\n%s", n, k.log)
		}
		wantHealth(t, "still refused", k.Report(), false)
		k.quietly(func(m *Memory) { m.Hook = nil })
		time.Sleep(refusalPauseLimit)
		synctest.Wait()
		wantHealth(t, "allowed", k.Report(), true)
		if k.logged(`msg="healthy again"`) != 1 {
			t.Errorf("nobody is told:\n%s", k.log)
		}
		k.end(t)
	})
}

// TestKeeperInTheWay: a VIP that something else took leaves the others kept.
func TestKeeperInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA, vipB)
		before := h.Snapshot()
		k := keep(t, h, o)
		onEth0 := Address{Interface: "eth0", Prefix: netip.PrefixFrom(vipA, 32)}
		k.drift(func(m *Memory) {
			m.Address = slices.DeleteFunc(m.Address, func(a Address) bool { return a.Prefix.IsSingleIP() && a.Prefix.Addr().Is4() })
			m.Address = append(m.Address, onEth0)
			m.Sysctl[ipv4Conf("all", "arp_ignore")] = "0"
		})
		wantHealth(t, "all", k.Report(), false)
		for vip, healthy := range map[netip.Addr]bool{vipA: false, vipB: true} {
			r, ok := k.VIPReport(vip)
			if !ok || r.Healthy != healthy || (r.Problem == "") != healthy || !slices.Equal(r.VIPs, []netip.Addr{vip}) {
				t.Errorf("%v: %v %+v", vip, ok, r)
			}
		}
		if _, ok := k.VIPReport(vip6); ok {
			t.Error("a report about a VIP that is not kept")
		}
		if h.Sysctl[ipv4Conf("all", "arp_ignore")] != "3" {
			t.Error("the sysctls that both need were not put back")
		}
		k.drift(func(m *Memory) { m.Address = slices.DeleteFunc(m.Address, onEth0.same) })
		wantHealth(t, "the way is free", k.Report(), true)
		k.end(t)
		mustUndo(t, o, h)
		wantSame(t, "undone", h.Snapshot(), before)
	})
}

// TestKeeperLoopback: while lo is down nothing can be applied; with lo, all comes
// back at once, without a wait.
func TestKeeperLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vip6))
		k.drift(func(m *Memory) {
			m.Link[0].Up = false
			m.Address = m.Address[:len(m.Address)-1]
		})
		wantHealth(t, "lo is down", k.Report(), false)
		time.Sleep(time.Hour)
		synctest.Wait()
		k.drift(func(m *Memory) { m.Link[0].Up = true })
		wantHealth(t, "lo is up", k.Report(), true)
		k.end(t)
	})
}

// TestKeeperReapply: SIGHUP waits for nothing.
func TestKeeperReapply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA))
		for range lookBurst {
			k.drift(func(*Memory) {})
		}
		h.Sysctl[ipv4Conf("eth0", "arp_ignore")] = "0"
		if err := k.Reapply(t.Context()); err != nil {
			t.Error(err)
		}
		if got := h.Sysctl[ipv4Conf("eth0", "arp_ignore")]; got != "3" {
			t.Errorf("arp_ignore is %s", got)
		}
		h.Hook = func(string) error { return syscall.EIO }
		h.Sysctl[ipv4Conf("eth0", "arp_ignore")] = "0"
		if err := k.Reapply(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v, want EIO", err)
		}
		h.Hook = nil
		k.end(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := k.Reapply(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestKeeperNewsBreaksOff: the subscription is made again, and what was missed
// is found.
func TestKeeperNewsBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA))
		for range 3 {
			h.BreakOff()
			k.quietly(func(m *Memory) { m.Address = m.Address[:len(m.Address)-1] })
			time.Sleep(newsPause)
			synctest.Wait()
			wantHealth(t, "subscribed again", k.Report(), true)
			k.drift(func(m *Memory) { m.Address = m.Address[:len(m.Address)-1] })
			wantHealth(t, "told again", k.Report(), true)
		}
		k.end(t)
	})
}

// mute is a host that tells nothing.
type mute struct{ Host }

func TestKeeperWithoutNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA), func(c *KeeperConfig) { c.Host = mute{c.Host} })
		k.quietly(func(m *Memory) { m.Address = m.Address[:len(m.Address)-1] })
		time.Sleep(lookEvery)
		synctest.Wait()
		wantHealth(t, "looked", k.Report(), true)
		k.end(t)
	})
}

// TestKeeperHolds: a VIP has one Keeper, and undo by hand is refused meanwhile.
func TestKeeperHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA, vip6)
		k := keep(t, h, o)
		applied := h.Snapshot()
		second := o
		second.VIPs = []netip.Addr{vipB, vip6}
		want := fmt.Sprintf("%v: another `director realserver run` keeps it (process %d): stop that one first", vip6, os.Getpid())
		other, err := NewKeeper(KeeperConfig{Options: second, Host: h})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		wantSame(t, "after the second", h.Snapshot(), applied)
		for _, vips := range [][]netip.Addr{nil, {vip6}} {
			_, err := Undo(Options{VIPs: vips, StateDir: o.StateDir}, h)
			if err == nil || !strings.Contains(err.Error(), "keeps it (process ") {
				t.Errorf("undo of %v: %v", vips, err)
			}
		}
		wantSame(t, "after undo was refused", h.Snapshot(), applied)
		second.VIPs = []netip.Addr{vipB}
		beside := keep(t, h, second)
		wantHealth(t, "another VIP", beside.Report(), true)
		beside.end(t)
		k.end(t)
		mustUndo(t, Options{StateDir: o.StateDir}, h)
		wantNoRecord(t, o)
	})
}

// TestKeeperAfterAKill: what a Keeper that was killed left is no obstacle.
func TestKeeperAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, o := newHost(), options(t, vipA)
		r, err := newRunner(o, h)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(o.StateDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.store.holdPath(vipA), []byte("99999999\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		k := keep(t, h, o)
		if text, err := os.ReadFile(r.store.holdPath(vipA)); err != nil || string(text) != fmt.Sprintln(os.Getpid()) {
			t.Errorf("the lock says %q, %v", text, err)
		}
		k.end(t)
	})
}

// TestHoldIsExclusive: of many that want a VIP at the same time, one has it.
func TestHoldIsExclusive(t *testing.T) {
	s := &store{dir: t.TempDir(), id: Identity{NetNS: 1}}
	var has, most, got int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				h, err := s.hold([]netip.Addr{vipA})
				if err != nil {
					continue
				}
				mu.Lock()
				has++
				got++
				most = max(most, has)
				mu.Unlock()
				mu.Lock()
				has--
				mu.Unlock()
				h.drop(h.vips())
			}
		})
	}
	all.Wait()
	if most != 1 || got == 0 {
		t.Errorf("%d held it at once; it was held %d times", most, got)
	}
	if err := s.refuseHeld([]netip.Addr{vipA}); err != nil {
		t.Error(err)
	}
}

// TestKeeperStart: what cannot be applied at the start is an error, and nothing
// is changed, held or left behind.
func TestKeeperStart(t *testing.T) {
	for name, test := range map[string]struct {
		break1 func(*Memory)
		want   string
	}{
		"unprivileged": {func(m *Memory) { m.Unprivileged = true }, "CAP_NET_ADMIN"},
		"read-only":    {func(m *Memory) { m.ReadOnly = true }, "read-only file system"},
		"lo is down":   {func(m *Memory) { m.Link[0].Up = false }, "ip link set lo up"},
		"in the midst": {func(m *Memory) {
			m.Hook = func(what string) error {
				if strings.HasPrefix(what, "before add") {
					return syscall.EIO
				}
				return nil
			}
		}, "nothing was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, o := newHost(), options(t, vipA)
				test.break1(h)
				before := h.Snapshot()
				k := keep(t, h, o)
				if err := <-k.ended; err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
				wantSame(t, "after that", h.Snapshot(), before)
				wantNoRecord(t, o)
				if k.looks > 0 || k.Fresh() {
					t.Error("it says that all is applied")
				}
			})
		})
	}
}

func TestNewKeeper(t *testing.T) {
	for _, c := range []KeeperConfig{
		{},
		{Options: Options{VIPs: []netip.Addr{vipA}, Method: "magic"}},
		{Options: Options{VIPs: []netip.Addr{netip.IPv4Unspecified()}}},
		{Options: Options{VIPs: []netip.Addr{vipA}}, Interval: -1},
	} {
		c.Host = newHost()
		if _, err := NewKeeper(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}

// TestKeeperStops: from the stop on nobody is told that the host is healthy.
func TestKeeperStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA), func(c *KeeperConfig) { c.UndoOnExit = true })
		k.quietly(func(m *Memory) {
			m.Hook = func(string) error {
				if k.Report().Healthy {
					t.Error("healthy while it is undone")
				}
				return nil
			}
		})
		k.end(t)
		wantHealth(t, "afterwards", k.Report(), false)
	})
}

// TestKeeperStale: a Keeper that is held up is not believed.
func TestKeeperStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		k := keep(t, h, options(t, vipA))
		resume := make(chan struct{})
		h.Hook = func(string) error { <-resume; return nil }
		k.drift(func(m *Memory) { m.Address = m.Address[:len(m.Address)-1] })
		time.Sleep(maxAge + time.Second)
		r := k.Report()
		if k.Fresh() || r.Healthy || !strings.Contains(r.Problem, "the last look at the host was 16s ago") {
			t.Errorf("%v", r)
		}
		close(resume)
		synctest.Wait()
		wantHealth(t, "it goes on", k.Report(), true)
		k.end(t)
	})
}
