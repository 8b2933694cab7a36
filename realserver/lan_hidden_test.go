package realserver_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lvsdr/realserver"
)

// TestLANHidden: a kernel without the patch is left as it was, and the error
// names what to use.
func TestLANHidden(t *testing.T) {
	n := newLAN(t)
	n.options.Method = realserver.MethodHidden
	before := n.state(t)
	n.do(t, func() error {
		if _, err := os.Stat("/proc/sys/net/ipv4/conf/all/hidden"); err == nil {
			t.Fatal("this kernel has the patch: this test is about those that have not")
		}
		_, err := realserver.Apply(n.options, realserver.LinuxHost{})
		if err == nil || !strings.Contains(err.Error(), "use --method sysctl") {
			t.Errorf("Apply: %v", err)
		}
		return nil
	})
	wantSame(t, "refused", n.state(t), before)
}

// newPatched has child processes see, in a mount namespace of their own, the sysctls
// of a kernel with that patch: files that were copied from /proc/sys. The addresses
// are real.
func newPatched(t *testing.T, leaf string) (n *mortal, tree string) {
	t.Helper()
	n, tree = newMortal(t, realserver.MethodHidden), filepath.Join(t.TempDir(), "conf")
	n.by = []string{"unshare", "--mount", "sh", "-ec", `mount --bind "$0" ` + ipv4Conf + `; exec "$@"`, tree}
	n.do(t, func() error { return os.CopyFS(tree, os.DirFS(ipv4Conf)) })
	interfaces, err := os.ReadDir(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if err := os.WriteFile(filepath.Join(tree, i.Name(), leaf), []byte("0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return n, tree
}

const ipv4Conf = "/proc/sys/net/ipv4/conf"

// patchedState is state, and what is in the files.
func (n *mortal) patchedState(t *testing.T, tree string) string {
	t.Helper()
	var b strings.Builder
	if err := appendSysctls(&b, tree); err != nil {
		t.Fatal(err)
	}
	return b.String() + n.state(t)
}

// TestLANHiddenPatched: with either patch, its switches are on for all and lo alone,
// the VIPs are on lo, and undo leaves what was there before.
func TestLANHiddenPatched(t *testing.T) {
	for _, leaf := range []string{"hidden", "arp_invisible"} {
		t.Run(leaf, func(t *testing.T) {
			n, tree := newPatched(t, leaf)
			before := n.patchedState(t, tree)
			n.child(t, orders{Options: n.options, Acts: []act{{"apply", []netip.Addr{vip, vip6}}, {"check", nil}}})
			want := before
			for _, name := range []string{"all", "lo"} {
				file := filepath.Join(tree, name, leaf)
				want = strings.Replace(want, file+` = "0\n"`, file+` = "1\n"`, 1)
			}
			got := n.patchedState(t, tree)
			for _, line := range strings.Split(got, "\n") {
				if strings.HasPrefix(line, tree) && !strings.Contains(want, line) {
					t.Errorf("is now %s", line)
				}
			}
			for _, line := range []string{
				filepath.Join(tree, "all", leaf) + ` = "1\n"`, filepath.Join(tree, "lo", leaf) + ` = "1\n"`,
				"inet 192.0.2.10/32 scope host lo:0\n", "inet6 2001:db8::10/128 scope global nodad deprecated",
			} {
				if !strings.Contains(got, line) {
					t.Errorf("there is no %q in\n%s", line, got)
				}
			}
			n.child(t, orders{Options: n.options, Acts: []act{{Do: "undo"}}})
			wantSame(t, "undone", n.patchedState(t, tree), before)
		})
	}
}

// TestLANHiddenKilled is TestLANKilled for this method.
func TestLANHiddenKilled(t *testing.T) {
	n, tree := newPatched(t, "hidden")
	before := n.patchedState(t, tree)
	n.testKilled(t, 10, func(when string) { wantSame(t, when, n.patchedState(t, tree), before) })
}
