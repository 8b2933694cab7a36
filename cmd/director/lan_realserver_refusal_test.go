package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lvsdr/realserver"
)

// inMounts are the words before a command that run it where a script has changed
// the mounts, in a namespace of its own. The state directory is $STATE.
func (n *lonely) inMounts(script string) []string {
	return []string{"env", "STATE=" + n.state, "unshare", "--mount", "sh", "-ec", script + "\n" + `exec "$@"`, "sh"}
}

// asNobody are those that run it as a user without any privileges, who may read the
// program.
func (n *lonely) asNobody() []string {
	n.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	n.run("cp", binary, filepath.Join(n.dir, "director"))
	return []string{"env", "PATH=" + n.dir + ":/usr/bin:/bin", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"}
}

// refusal is a situation in which the command cannot do its work.
type refusal struct {
	name    string
	methods []string                 // default: every
	vips    string                   // default: one IPv4 address
	before  string                   // a script that changes the host
	after   string                   // and the one that changes it back
	by      func(n *lonely) []string // the words before the command
	apply   string                   // what it says; "": it works all the same
	undo    string                   // likewise
	check   string                   // likewise
}

const (
	asRoot    = "run it as root (sudo)"
	mountProc = "mount -t proc proc /proc"
	otherDir  = "--state-dir"
	useSysctl = "or use --method sysctl, which needs none"
	readOnly  = "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys"
)

// netfilter are the methods that need nftables.
var netfilter = []string{realserver.MethodRedirect, realserver.MethodARPTables}

func mounts(script string) func(*lonely) []string {
	return func(n *lonely) []string { return n.inMounts(script) }
}

func words(line string) func(*lonely) []string {
	return func(*lonely) []string { return strings.Fields(line) }
}

// refusals make each situation real, for the program as it is.
var refusals = []refusal{
	{name: "a user", methods: []string{realserver.MethodSysctl}, by: (*lonely).asNobody, apply: asRoot, undo: asRoot},
	{name: "a user, nftables", methods: netfilter, by: (*lonely).asNobody, apply: asRoot, undo: asRoot, check: asRoot},
	{
		name: "root without CAP_NET_ADMIN", methods: []string{realserver.MethodSysctl},
		by: words("setpriv --bounding-set=-net_admin --inh-caps=-net_admin"), apply: "with CAP_NET_ADMIN", undo: "with CAP_NET_ADMIN",
	},
	{
		name: "root without CAP_NET_ADMIN, nftables", methods: netfilter,
		by: words("setpriv --bounding-set=-net_admin --inh-caps=-net_admin"), apply: "with CAP_NET_ADMIN", undo: "with CAP_NET_ADMIN", check: "with CAP_NET_ADMIN",
	},
	{name: "no /proc", by: mounts("mount -t tmpfs none /proc"), apply: mountProc, undo: mountProc, check: mountProc},
	{name: "no /proc/sys", by: mounts("mount -t tmpfs none /proc/sys"), apply: mountProc, undo: mountProc, check: mountProc},
	{
		name: "/proc of processes alone", by: mounts("mount -t proc -o subset=pid proc /proc"),
		apply: "subset=pid", undo: "subset=pid", check: "subset=pid",
	},
	{
		name: "no net below /proc/sys", methods: []string{realserver.MethodSysctl}, by: mounts("mount -t tmpfs none /proc/sys/net"),
		apply: mountProc, check: mountProc,
	},
	{
		name: "read-only /proc/sys", methods: []string{realserver.MethodSysctl}, by: mounts(readOnly),
		apply: "docker run --sysctl", undo: "docker run --sysctl",
	},
	{name: "read-only /proc/sys, without need", methods: netfilter, by: mounts(readOnly)},
	{name: "no nftables", methods: netfilter, by: words("without-nftables"), apply: useSysctl, undo: useSysctl, check: useSysctl},
	{name: "no nftables, without need", methods: []string{realserver.MethodSysctl}, by: words("without-nftables")},
	{
		name: "IPv6 disabled", methods: []string{realserver.MethodSysctl, realserver.MethodARPTables}, vips: "--vip 192.0.2.10 --vip 2001:db8::10",
		before: "sysctl -qw net.ipv6.conf.lo.disable_ipv6=1", after: "sysctl -qw net.ipv6.conf.lo.disable_ipv6=0; ip -6 addr add ::1/128 dev lo || true",
		apply: "IPv6 is disabled on lo: sysctl -w net.ipv6.conf.lo.disable_ipv6=0",
	},
	{
		name: "no IPv6", methods: []string{realserver.MethodSysctl, realserver.MethodARPTables}, vips: "--vip 192.0.2.10 --vip 2001:db8::10",
		by: mounts("mount -t tmpfs none /proc/sys/net/ipv6"), apply: "no IPv6 in this kernel",
	},
	{
		name: "lo down", methods: []string{realserver.MethodSysctl, realserver.MethodARPTables},
		before: "ip link set lo down", after: "ip link set lo up", apply: "ip link set lo up",
	},
	{
		name: "state directory read-only", by: mounts("mkdir -p $STATE; mount --bind $STATE $STATE; mount -o remount,bind,ro $STATE"),
		apply: otherDir, undo: otherDir,
	},
	{
		name: "disk full", by: mounts(`kept=$(cat $STATE/*.json 2>/dev/null || true); file=$(ls $STATE 2>/dev/null | grep json$ || true); mkdir -p $STATE
			mount -t tmpfs -o size=16k none $STATE; test -z "$file" || echo "$kept" >$STATE/$file
			head -c 16384 /dev/zero >$STATE/full 2>/dev/null || true`),
		apply: "make room there",
	},
	{name: "a file in the way of the state directory", by: mounts("mount -t tmpfs none $(dirname $STATE); touch $STATE"), apply: otherDir, undo: otherDir, check: otherDir},
}

// TestLANRealserverRefuses: in each situation, apply, undo and check say what is
// wrong and what to do, with exit code 1, and change nothing.
func TestLANRealserverRefuses(t *testing.T) {
	t.Parallel()
	needUsers(t)
	for _, r := range refusals {
		methods := r.methods
		if methods == nil {
			methods = everyMethod
		}
		for _, method := range methods {
			t.Run(r.name+" "+method, func(t *testing.T) { r.test(t, method) })
		}
	}
}

// needUsers skips the test, or fails it in CI, where root cannot become another
// user: in a user namespace.
func needUsers(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(strings.Fields(string(text)), " ") == "0 0 4294967295" {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("this is a user namespace: run the test as root of the host")
	}
	t.Skip("this is a user namespace: run the test as root of the host")
}

func (r refusal) test(t *testing.T, method string) {
	n := newLonely(t)
	vips := r.vips
	if vips == "" {
		vips = "--vip 192.0.2.10"
	}
	apply := "apply --method " + method + " " + vips
	healthy := n.snapshot()
	var by []string
	if r.by != nil {
		by = r.by(n)
	}
	n.run("sh", "-ec", r.before)
	before := n.snapshot()
	if r.apply != "" {
		n.wantRefused(by, apply, r.apply)
		n.wantRefused(by, apply+" --json", r.apply)
		n.wantSnapshot("refused", before)
	}
	n.run("sh", "-ec", r.after)
	if r.after == "" {
		n.wantSnapshot("back again", healthy)
	}

	n.realserver(apply)
	n.run("sh", "-ec", r.before)
	applied := n.snapshot()
	if r.check != "" {
		n.wantRefused(by, "check --method "+method+" "+vips, r.check)
	}
	if r.undo != "" {
		n.wantRefused(by, "undo", r.undo)
		n.wantRefused(by, "undo --json", r.undo)
		n.wantSnapshot("undo refused", applied)
		n.run("sh", "-ec", r.after)
		n.realserver("undo")
		n.wantSnapshot("undone", healthy)
		return
	}
	if by != nil && r.apply == "" {
		n.run(by[0], append(by[1:], strings.Fields("director realserver check --method "+method+" "+vips+" --state-dir "+n.state)...)...)
	}
}
