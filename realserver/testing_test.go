package realserver

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
)

var (
	vipA = netip.MustParseAddr("192.0.2.10")
	vipB = netip.MustParseAddr("192.0.2.11")
	vip6 = netip.MustParseAddr("2001:db8::10")
)

// newHost returns a host on 192.0.2.0/24 with lo and eth0.
func newHost(extra ...string) *Memory {
	m := NewMemory(append([]string{"eth0"}, extra...)...)
	m.Address = []Address{
		{Interface: "lo", Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: ScopeHost, Label: "lo"},
		{Interface: "lo", Prefix: netip.MustParsePrefix("::1/128"), Scope: ScopeHost},
		{Interface: "eth0", Prefix: netip.MustParsePrefix("192.0.2.21/24"), Label: "eth0"},
	}
	m.Defaults = []string{"eth0"}
	m.Disk[program[1:]] = &fstest.MapFile{Mode: 0o755}
	return m
}

func options(t *testing.T, vips ...netip.Addr) Options {
	t.Helper()
	return Options{VIPs: vips, StateDir: filepath.Join(t.TempDir(), "state")}
}

func mustApply(t *testing.T, o Options, h Host) *Plan {
	t.Helper()
	p, err := Apply(o, h)
	if err != nil {
		t.Fatalf("Apply(%v): %v", o.VIPs, err)
	}
	return p
}

// wantSame compares two snapshots.
func wantSame(t *testing.T, when, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: the host is\n%s\nwant\n%s", when, got, want)
	}
}

// wantNoRecord says that the state directory holds nothing that lasts.
func wantNoRecord(t *testing.T, o Options) {
	t.Helper()
	files, err := os.ReadDir(o.StateDir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f os.DirEntry) bool { return filepath.Ext(f.Name()) == ".tmp" })
	if len(files) > 0 {
		t.Fatalf("a record is left: %v", files)
	}
}
