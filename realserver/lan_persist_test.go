package realserver_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lvsdr/realserver"
)

// machine is what a real server keeps over a boot: its files, and its state
// directory.
type machine struct {
	root, state, program string
}

// install puts a file where a program should be.
func (m *machine) install(t *testing.T, program string) {
	t.Helper()
	name := filepath.Join(m.root, program)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o755)); err != nil {
		t.Fatal(err)
	}
}

// newMachine has the program as it is installed.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := emptyMachine(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", m.program, "lvsdr/cmd/director")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return m
}

// emptyMachine has systemd and nothing else.
func emptyMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{root: filepath.Join(dir, "root"), state: filepath.Join(dir, "state"), program: filepath.Join(dir, "director")}
	for _, name := range []string{"run/systemd/system", "etc/sysctl.d", "etc/systemd/system"} {
		if err := os.MkdirAll(filepath.Join(m.root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// files lists all below the root.
func (m *machine) files(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(m.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		link, _ := os.Readlink(name)
		text := []byte{}
		if d.Type().IsRegular() {
			text, err = os.ReadFile(name)
		}
		fmt.Fprintf(&b, "%s %v %s %s\n", name, d.Type(), link, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// run runs lines of a shell on the server, with the machine's /etc as /etc.
func (n *segment) run(t *testing.T, m *machine, lines ...string) string {
	t.Helper()
	script := "set -e\nmount --bind " + m.root + "/etc /etc\n" + strings.Join(lines, "\n")
	p := n.server.Command(t.Context(), "unshare", "--mount", "sh", "-c", script)
	if err := p.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, p.Output())
	}
	return p.Stdout()
}

// boot does what systemd does with the files: sysctl.d, then the early unit, then
// the network, then the late unit.
func (n *segment) boot(t *testing.T, m *machine) {
	t.Helper()
	n.networkDown(t, m)
	if name := filepath.Join(m.root, "etc/sysctl.d/99-zz-director-realserver.conf"); exists(name) {
		n.run(t, m, "sysctl -p /etc/sysctl.d/99-zz-director-realserver.conf")
	}
	n.run(t, m, m.execStart(t, "director-realserver.service")...)
	n.networkUp(t, m)
	n.run(t, m, m.execStart(t, "director-realserver-late.service")...)
}

func (n *segment) networkDown(t *testing.T, m *machine) {
	t.Helper()
	n.run(t, m, "sysctl -qw net.ipv6.conf.eth0.addr_gen_mode=1", "ip addr flush dev eth0", "ip link set eth0 down")
}

func (n *segment) networkUp(t *testing.T, m *machine) {
	t.Helper()
	n.run(t, m, "ip link set eth0 up", "ip addr add 192.0.2.21/24 dev eth0", "ip -6 addr add 2001:db8::21/64 dev eth0 nodad")
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// execStart lists what an enabled unit runs.
func (m *machine) execStart(t *testing.T, unit string) []string {
	t.Helper()
	dir := filepath.Join(m.root, "etc/systemd/system")
	link, err := os.Readlink(filepath.Join(dir, "multi-user.target.wants", unit))
	if err != nil {
		return nil
	}
	if link != "/etc/systemd/system/"+unit {
		t.Fatalf("%s is enabled by a link to %s", unit, link)
	}
	text, err := os.ReadFile(filepath.Join(dir, unit))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart="); ok {
			lines = append(lines, command)
		}
	}
	return lines
}

// verify has systemd judge the units.
func (m *machine) verify(t *testing.T) {
	t.Helper()
	units, err := filepath.Glob(filepath.Join(m.root, "etc/systemd/system/*.service"))
	if err != nil || len(units) == 0 {
		t.Fatalf("units: %q, %v", units, err)
	}
	for _, unit := range units {
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", unit).CombinedOutput()
		if err != nil || strings.Contains(string(out), "director-realserver") {
			t.Errorf("systemd-analyze verify %s: %v\n%s", unit, err, out)
		}
	}
}

// TestLANPersist applies on one LAN and boots on another: there the VIP is served, never in
// ARP, from before the network on; and undo leaves what there was before, of the files as well.
func TestLANPersist(t *testing.T) {
	m := newMachine(t)
	for _, method := range []string{realserver.MethodSysctl, realserver.MethodRedirect, realserver.MethodARPTables} {
		t.Run(method, func(t *testing.T) {
			clean := m.files(t)
			first := newSegment(t, method)
			first.do(t, func() error {
				_, err := realserver.Apply(m.options(first.options.VIPs, method), realserver.LinuxHost{Root: m.root})
				return err
			})
			m.verify(t)

			n := newSegment(t, method)
			n.networkDown(t, m)
			n.networkUp(t, m)
			before := n.state(t)
			claims := n.claims()
			n.boot(t, m)
			wantNone(t, claims)
			n.serve(t)
			n.wantSteady(t)
			n.run(t, m, m.program+" realserver check --state-dir "+m.state)
			n.wantStopped(t, m, before)

			out := n.run(t, m, m.program+" realserver undo --state-dir "+m.state)
			wantSame(t, "undone after the boot", n.state(t), before)
			if files := m.files(t); files != clean {
				t.Errorf("undo printed\n%s\nand left\n%s\nwant\n%s", out, files, clean)
			}
		})
	}
}

func (m *machine) options(vips []netip.Addr, method string) realserver.Options {
	return realserver.Options{VIPs: vips, Method: method, StateDir: m.state, Persist: true, Program: m.program}
}

// wantStopped stops the units, which keeps the files, and starts them again.
func (n *segment) wantStopped(t *testing.T, m *machine, before string) {
	t.Helper()
	started, files := n.state(t), m.files(t)
	n.run(t, m, m.program+" realserver undo --runtime --state-dir "+m.state)
	wantSame(t, "stopped", n.state(t), before)
	n.run(t, m, m.execStart(t, "director-realserver.service")...)
	n.run(t, m, m.execStart(t, "director-realserver-late.service")...)
	wantSame(t, "started again", n.state(t), started)
	if m.files(t) != files {
		t.Errorf("stop and start changed the files:\n%s\nwant\n%s", m.files(t), files)
	}
}

// TestLANPersistKilled kills a real process wherever that makes a difference, when it writes
// files too. Undo then leaves what was there before, of the kernel and of the files.
func TestLANPersistKilled(t *testing.T) {
	for _, test := range []struct {
		method         string
		changes, files int
	}{{realserver.MethodSysctl, 18, 9}, {realserver.MethodARPTables, 10, 7}} {
		t.Run(test.method, func(t *testing.T) {
			n := newMortal(t, test.method)
			m := emptyMachine(t)
			n.options.Persist, n.options.Program = true, "/usr/sbin/director"
			m.install(t, n.options.Program)
			before, clean := n.state(t), m.files(t)
			n.root, n.files = m.root, test.files
			n.testKilled(t, test.changes+test.files, func(when string) {
				wantSame(t, when, n.state(t), before)
				if files := m.files(t); files != clean {
					t.Fatalf("%s: left\n%s\nwant\n%s", when, files, clean)
				}
			})
		})
	}
}

// TestLANPersistReadOnly: where /etc is read-only, nothing is done, and it is said why.
func TestLANPersistReadOnly(t *testing.T) {
	m := newMachine(t)
	n := newSegment(t, realserver.MethodSysctl)
	before := n.state(t)
	apply := m.program + " realserver apply --persist --program /usr/sbin/director --vip 192.0.2.10 --state-dir " + m.state
	out := n.run(t, m, "mount -o remount,bind,ro /etc", "if "+apply+" 2>&1; then exit 1; fi")
	if !strings.Contains(out, "read-only file system") || !strings.Contains(out, "without --persist") {
		t.Errorf("apply says %s", out)
	}
	wantSame(t, "refused", n.state(t), before)
}
