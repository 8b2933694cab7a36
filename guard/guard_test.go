package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	vip  = netip.MustParseAddr("192.0.2.10")
	vip2 = netip.MustParseAddr("192.0.2.11")
	vip6 = netip.MustParseAddr("2001:db8::10")
)

// fakeTable is a ruleset without a kernel.
type fakeTable struct {
	mu      sync.Mutex
	vips    []netip.Addr
	present bool
	err     error
	index   int // of the interface; negative: there is none
}

// set changes what the kernel has, and how it answers from now on.
func (f *fakeTable) set(present bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present, f.err = present, err
}

// has says whether the kernel has the table for those VIPs.
func (f *fakeTable) has(vips ...netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.present && slices.Equal(f.vips, vips)
}

func (f *fakeTable) replace(vips []netip.Addr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.vips, f.present = vips, true
	return nil
}

func (f *fakeTable) intact(vips []netip.Addr) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.present && slices.Equal(f.vips, vips), f.err
}

func (f *fakeTable) remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present = false
	return f.err
}

func (f *fakeTable) device() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.index < 0 {
		return 0, fmt.Errorf("interface eth0 %w", ErrGone)
	}
	return f.index, nil
}

// move gives the interface another index, or takes it away if that is negative.
// The table is dropped with the former one, as before Linux 6.16, or not.
func (f *fakeTable) move(index int, dropped bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.index, f.present = index, f.present && !dropped
}

// An interface that is deleted and made again is nobody's flush.
func TestGuardInterfaceMadeAgain(t *testing.T) {
	for _, dropped := range []bool{true, false} {
		table := &fakeTable{index: 2}
		g, err := install(Config{Interface: "eth0", VIPs: []netip.Addr{vip}}, table)
		if err != nil {
			t.Fatal(err)
		}
		w := Watcher{Interface: "eth0", Guard: g}
		table.move(-1, dropped)
		if repaired, err := g.Repair(); repaired || errors.Is(err, ErrGone) != dropped {
			t.Errorf("dropped %v: Repair without an interface: %v, %v", dropped, repaired, err)
		}
		if f := w.lookAtGuard(); dropped && (f.Severity != Alarm || f.Remedy != "" || f.What != "guard on eth0: interface eth0 is gone") {
			t.Errorf("finding without an interface: %+v", f)
		}
		table.move(3, dropped)
		if f := w.lookAtGuard(); f.Severity != OK || !table.has(vip) {
			t.Errorf("dropped %v: finding when it is made again: %+v", dropped, f)
		}
		table.set(false, nil)
		if f := w.lookAtGuard(); f.Severity != Alarm || f.Remedy == "" || !table.has(vip) {
			t.Errorf("dropped %v: finding after a flush: %+v", dropped, f)
		}
	}
}

// What the kernel calls ENOENT may be the interface, whose absence is no reason
// to do without a guard.
func TestExplainMissingInterface(t *testing.T) {
	err := newTable("no-such-dev").explain(unix.ENOENT)
	if !errors.Is(err, ErrGone) || strings.Contains(err.Error(), "guard: off") {
		t.Errorf("missing interface: %v", err)
	}
	if err := newTable("lo").explain(unix.ENOENT); !strings.Contains(err.Error(), "guard: off") {
		t.Errorf("kernel without nftables: %v", err)
	}
}

func TestGuardLife(t *testing.T) {
	table := &fakeTable{}
	g, err := install(Config{Interface: "eth0", VIPs: []netip.Addr{vip6, vip, netip.MustParseAddr("::ffff:192.0.2.10")}}, table)
	if err != nil {
		t.Fatal(err)
	}
	if !table.has(vip, vip6) {
		t.Errorf("VIPs %v, want each once, in order", table.vips)
	}
	if repaired, err := g.Repair(); repaired || err != nil {
		t.Errorf("Repair of what is whole: %v, %v", repaired, err)
	}
	table.set(false, nil)
	if repaired, err := g.Repair(); !repaired || err != nil || !table.has(vip, vip6) {
		t.Errorf("Repair of what is gone: %v, %v", repaired, err)
	}
	broken := errors.New("broken")
	table.set(true, broken)
	if err := g.Update([]netip.Addr{vip2}); !errors.Is(err, broken) {
		t.Errorf("Update: %v", err)
	}
	table.set(false, nil)
	if _, err := g.Repair(); err != nil || !table.has(vip, vip6) {
		t.Errorf("after an Update that failed, Repair set %v (%v)", table.vips, err)
	}
	if err := g.Remove(); err != nil || table.present {
		t.Errorf("Remove: %v", err)
	}
	if _, err := g.Repair(); !errors.Is(err, ErrRemoved) || table.present {
		t.Errorf("Repair after Remove: %v", err)
	}
	if err := g.Update(nil); !errors.Is(err, ErrRemoved) || table.present {
		t.Errorf("Update after Remove: %v", err)
	}
}

func TestGuardRefusesVIP(t *testing.T) {
	for _, bad := range []netip.Addr{{}, netip.MustParseAddr("fe80::1%eth0")} {
		if _, err := install(Config{Interface: "eth0", VIPs: []netip.Addr{bad}}, &fakeTable{}); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestTableName(t *testing.T) {
	for device, want := range map[string]string{
		"eth0":      "lvsdr_eth0",
		"eth0.10":   "lvsdr_eth0.10",
		"br-3_x":    "lvsdr_br-3_x",
		"veth@1":    "lvsdr_veth_401",
		"v\"; drop": "lvsdr_v_22_3b_20drop",
	} {
		if got := tableName(device); got != want {
			t.Errorf("%s: %s, want %s", device, got, want)
		}
	}
}
