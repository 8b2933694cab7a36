package realserver_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"lvsdr/lab"
	"lvsdr/realserver"
)

var vip2 = netip.MustParseAddr("192.0.2.11")

// life is what a child process does until it is killed: VIPs come one by one, one
// of them goes, and then all.
var life = []act{
	{"apply", []netip.Addr{vip}},
	{"apply", []netip.Addr{vip2}},
	{"apply", []netip.Addr{vip, vip6}},
	{"check", nil},
	{"undo", []netip.Addr{vip}},
	{"undo", nil},
}

// act is one command.
type act struct {
	Do   string // apply, check or undo
	VIPs []netip.Addr
}

// orders are what a child process gets to do.
type orders struct {
	Options realserver.Options
	Root    string // LinuxHost.Root
	Acts    []act
	Kill    int    // the point at which it dies; 0: none
	Report  string // a file for how many changes and points there were
}

// mortal runs child processes on a server with two LANs.
type mortal struct {
	*lan
	by    []string // the words before a child's command
	root  string   // LinuxHost.Root of the children
	files int      // changes of files, which are in no record: 2 points each
}

func newMortal(t *testing.T, method string) *mortal {
	t.Helper()
	n := &mortal{lan: newLAN(t)}
	n.options.Method, n.options.VIPs = method, nil
	n.lab.Connect(n.server, n.lab.Switch("lan2"), lab.LinkConfig{Addrs: lab.MustPrefixes("198.51.100.21/24", "2001:db8:1::21/64")})
	return n
}

// TestLANKilled kills a real process with SIGKILL wherever that makes a difference:
// before and after each change of the host, and around each rename of the record, of
// every apply and every undo of its life. Undo then leaves what was there before.
func TestLANKilled(t *testing.T) {
	for _, test := range []struct {
		method  string
		changes int // that a whole life makes of the host
	}{{realserver.MethodSysctl, 18}, {realserver.MethodRedirect, 6}, {realserver.MethodARPTables, 10}} {
		t.Run(test.method, func(t *testing.T) {
			n := newMortal(t, test.method)
			before := n.state(t)
			n.testKilled(t, test.changes, func(when string) { wantSame(t, when, n.state(t), before) })
		})
	}
}

// testKilled wants the host to be as before, as restored says, after a kill at each
// point and an undo.
func (n *mortal) testKilled(t *testing.T, changes int, restored func(when string)) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report")
	died := 0
	for n.child(t, orders{Options: n.options, Acts: life, Kill: died + 1, Report: report}) {
		died++
		n.undoAll(t)
		restored(fmt.Sprintf("killed at point %d, undone", died))
		if left, err := filepath.Glob(filepath.Join(n.options.StateDir, "*.json")); err != nil || len(left) > 0 {
			t.Fatalf("killed at point %d, undone: the record is still there: %q, %v", died, left, err)
		}
	}
	restored("a whole life")
	text, err := os.ReadFile(report)
	var made, points int
	if err == nil {
		_, err = fmt.Sscan(string(text), &made, &points)
	}
	if err != nil || made != changes || points != died || died < 4*changes-2*n.files {
		t.Errorf("%d changes, %d points, died at %d; want %d changes, each with 4 points at least, but %d of files: %v", made, points, died, changes, n.files, err)
	}
}

// undoAll undoes what a child left, in this process unless children see another
// /proc/sys.
func (n *mortal) undoAll(t *testing.T) {
	t.Helper()
	all := act{Do: "undo"}
	if n.by != nil {
		n.child(t, orders{Options: n.options, Acts: []act{all}})
		return
	}
	n.do(t, func() error { return all.do(n.options, &doomed{LinuxHost: realserver.LinuxHost{Root: n.root}}) })
}

// child runs a process, and says whether it was killed.
func (n *mortal) child(t *testing.T, o orders) bool {
	t.Helper()
	o.Root = n.root
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	words := append(slices.Clone(n.by), os.Args[0], "-test.run=^TestLifeInChild$")
	child := n.server.Command(t.Context(), words[0], words[1:]...)
	child.Env = append(os.Environ(), "REALSERVER_ORDERS="+string(text))
	err = child.Run()
	if err != nil && child.ExitCode() != -1 || o.Kill == 0 && err != nil {
		t.Fatalf("point %d: not killed: %v\n%s", o.Kill, err, child.Output())
	}
	return err != nil
}

// TestLifeInChild is the process that is killed.
func TestLifeInChild(t *testing.T) {
	text, ok := os.LookupEnv("REALSERVER_ORDERS")
	if !ok {
		return // not a child
	}
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	h := &doomed{LinuxHost: realserver.LinuxHost{Root: o.Root}, at: o.Kill}
	for _, a := range o.Acts {
		o.Options.VIPs = a.VIPs
		if err := a.do(o.Options, h); err != nil {
			t.Fatal(err)
		}
	}
	if o.Report != "" {
		if err := os.WriteFile(o.Report, fmt.Append(nil, h.changes, " ", h.points), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// do is one act. A life that ended early may have left nothing to undo.
func (a act) do(o realserver.Options, h *doomed) error {
	at := func(string) { h.point() }
	switch a.Do {
	case "apply":
		return realserver.ApplyAt(o, h, at)
	case "check":
		findings, err := realserver.Check(o, h)
		if err == nil && !realserver.Healthy(findings) {
			err = fmt.Errorf("not healthy: %+v", findings)
		}
		return err
	}
	err := realserver.UndoAt(o, h, at)
	if errors.Is(err, realserver.ErrNothingApplied) {
		return nil
	}
	return err
}

// doomed is the kernel, and the process dies at a point.
type doomed struct {
	realserver.LinuxHost
	at, points, changes int
}

func (h *doomed) point() {
	if h.points++; h.points == h.at {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (h *doomed) change(do error) error {
	h.changes++
	h.point()
	return do
}

func (h *doomed) WriteSysctl(key, value string) error {
	h.point()
	return h.change(h.LinuxHost.WriteSysctl(key, value))
}

func (h *doomed) AddAddress(a realserver.Address) error {
	h.point()
	return h.change(h.LinuxHost.AddAddress(a))
}

func (h *doomed) RemoveAddress(a realserver.Address) error {
	h.point()
	return h.change(h.LinuxHost.RemoveAddress(a))
}

func (h *doomed) PutTable(t realserver.Table) error {
	h.point()
	return h.change(h.LinuxHost.PutTable(t))
}

func (h *doomed) RemoveTable(t realserver.Table) error {
	h.point()
	return h.change(h.LinuxHost.RemoveTable(t))
}

func (h *doomed) PutFile(f realserver.File) error {
	h.point()
	return h.change(h.LinuxHost.PutFile(f))
}

func (h *doomed) RemoveFile(path string) error {
	h.point()
	return h.change(h.LinuxHost.RemoveFile(path))
}
