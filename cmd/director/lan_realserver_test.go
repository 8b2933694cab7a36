package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/lab"
	"lvsdr/realserver"
)

// lonely is a real server with two LANs and nobody on them:
//
//	  eth0 192.0.2.21/24, 2001:db8::21/64     eth1 198.51.100.21/24
//	───────────────┬──────────────────         ──────────┬────────
//	               └───────────── server ────────────────┘
type lonely struct {
	t     *testing.T
	host  *lab.Host
	dir   string // everybody may look into it
	state string // the state directory; nobody has made it
}

func newLonely(t *testing.T) *lonely {
	t.Helper()
	l := lab.ForTest(t)
	n := &lonely{t: t, host: l.Host("server"), dir: shortDir(t)}
	n.state = filepath.Join(n.dir, "state")
	if err := os.Chmod(n.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l.Connect(n.host, l.Switch("lan"), lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.21/24", "2001:db8::21/64")})
	l.Connect(n.host, l.Switch("lan2"), lab.LinkConfig{Addrs: lab.MustPrefixes("198.51.100.21/24")})
	return n
}

// snapshot is what the programs of the system say of all that could have changed,
// and whether there is a record.
func (n *lonely) snapshot() string {
	n.t.Helper()
	snapshot := n.run("sh", "-ec", settled+told) + n.sysctls()
	records, err := filepath.Glob(filepath.Join(n.state, "*.json*"))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, file := range records {
		text, err := os.ReadFile(file)
		if err != nil {
			n.t.Fatal(err)
		}
		snapshot += file + "\n" + string(text)
	}
	return snapshot
}

const (
	// settled waits until the kernel has done for IPv6 what it does behind the
	// back of whoever adds an address: then each has a local route.
	settled = `until test -z "$(ip -6 address show tentative)" &&
			test "$(ip -6 -o address show | wc -l)" -eq "$(ip -6 route show table local type local | wc -l)"; do :; done
		`
	told = `for family in -4 -6; do printf 'address\nrule\nroute show table all\n' | ip -d $family -batch -; done
		nft list ruleset`
)

// sysctls are the keys of all interfaces.
func (n *lonely) sysctls() string {
	n.t.Helper()
	var b strings.Builder
	err := n.host.Do(func() error {
		for _, pattern := range []string{"/proc/sys/net/ipv4/conf/*/*", "/proc/sys/net/ipv6/conf/*/*"} {
			files, err := filepath.Glob(pattern)
			if err != nil {
				return err
			}
			for _, file := range files {
				value, err := os.ReadFile(file)
				if err != nil && filepath.Base(file) != "stable_secret" { // it cannot be read while there is none
					return err
				}
				fmt.Fprintf(&b, "%s = %q\n", file, value)
			}
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return b.String()
}

// run runs a program on the server, which must succeed, and returns what it
// prints.
func (n *lonely) run(name string, args ...string) string {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := n.host.Command(ctx, name, args...)
	if err := p.Run(); err != nil {
		n.t.Fatalf("%v\n%s", err, p.Output())
	}
	return p.Stdout()
}

// realserver runs the command with the words of a line.
func (n *lonely) realserver(line string) string {
	n.t.Helper()
	return n.run("director", append(strings.Fields("realserver "+line), "--state-dir", n.state)...)
}

// wantSnapshot says that nothing has changed.
func (n *lonely) wantSnapshot(when, want string) {
	n.t.Helper()
	got := n.snapshot()
	if got == want {
		return
	}
	before, after := strings.Split(want, "\n"), strings.Split(got, "\n")
	missing := func(lines, from []string, sign string) {
		for _, line := range lines {
			if !slices.Contains(from, line) {
				n.t.Logf("%s %s", sign, line)
			}
		}
	}
	missing(before, after, "-")
	missing(after, before, "+")
	n.t.Fatalf("%s: the host is not as it was", when)
}

// wantRefused runs the command, by those words before it, and wants it to fail with
// exit code 1, an error that says so, and not a word on its standard output.
func (n *lonely) wantRefused(by []string, line string, want string) {
	n.t.Helper()
	args := slices.Concat(by, []string{"director", "realserver"}, strings.Fields(line), []string{"--state-dir", n.state})
	p := n.host.Command(context.Background(), args[0], args[1:]...)
	err := p.Run()
	if err == nil || p.ExitCode() != 1 || !strings.Contains(p.Stderr(), want) || p.Stdout() != "" {
		n.t.Errorf("%s: %v; want %q; it printed\n%s", line, err, want, p.Output())
	}
}

// everyMethod are those that a kernel without a patch can do.
var everyMethod = []string{realserver.MethodSysctl, realserver.MethodRedirect, realserver.MethodARPTables}

// TestLANRealserverPrinted: the lines of --print, run by a shell, make of the host
// what apply makes of it; for VIPs from flags, IPv6 too, and from a file.
func TestLANRealserverPrinted(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "director.yaml", directorFile)
	for _, method := range everyMethod {
		for name, source := range map[string]string{
			"flags": "--vip 192.0.2.10 --vip 192.0.2.11 --vip 2001:db8::10", "file": "--config " + file,
		} {
			t.Run(method+" "+name, func(t *testing.T) {
				n := newLonely(t)
				before := n.snapshot()
				flags := " --method " + method + " " + source
				printed := n.realserver("apply --print" + flags)
				n.wantSnapshot("printed", before)

				n.realserver("apply" + flags)
				if err := os.Rename(n.state, n.state+".kept"); err != nil {
					t.Fatal(err)
				}
				applied := n.snapshot()
				if err := os.Rename(n.state+".kept", n.state); err != nil {
					t.Fatal(err)
				}
				if applied == before {
					t.Fatal("apply changed nothing")
				}
				n.realserver("undo")
				n.wantSnapshot("undone", before)

				p := n.host.Command(t.Context(), "sh", "-e")
				p.Stdin = strings.NewReader(printed)
				if err := p.Run(); err != nil {
					t.Fatalf("%v\n%s", err, printed)
				}
				n.wantSnapshot("typed", applied)
				if out := n.realserver("apply" + flags); out != "nothing to do\n" {
					t.Errorf("after the printed lines apply does\n%s", out)
				}
			})
		}
	}
}

// TestLANRealserverFromDirector asks a director on another host over TCP for VIPs,
// also those that came and went at run time, and again when it is down.
func TestLANRealserverFromDirector(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Serve: serveGo, Servers: 1})
	c.WriteConfig(strings.Replace(c.Config(), "admin: {", `admin: {listen: "192.0.2.2:9480", `, 1))
	c.Start()
	web := c.Servers[0]
	web.Undo()
	n := &lonely{t: t, host: web.Host, dir: web.dir, state: filepath.Join(web.dir, "state")}
	before := n.snapshot()

	const source = " --director http://192.0.2.2:9480"
	n.realserver("apply" + source)
	n.realserver("check" + source)
	c.WaitServing()
	if name, err := c.Get("/"); err != nil || name != "web1" {
		t.Errorf("through the director: %q, %v", name, err)
	}
	c.Ipvsadm("-A -t 192.0.2.11:80 -s rr")
	c.Ipvsadm("-a -t 192.0.2.11:80 -r 192.0.2.21:80 -g")
	if out := n.realserver("apply" + source); out != "lo: add 192.0.2.11/32 scope host as lo:1\n" {
		t.Errorf("a VIP more:\n%s", out)
	}
	c.Ipvsadm("-D -t 192.0.2.11:80")
	if out := n.realserver("apply" + source); out != "nothing to do\n" {
		t.Errorf("a VIP less:\n%s", out)
	}
	if out := n.realserver("apply --prune" + source); !strings.HasPrefix(out, "lo: remove 192.0.2.11/32\n") {
		t.Errorf("a VIP less, pruned:\n%s", out)
	}
	applied := n.snapshot()
	c.Stop()
	for _, command := range []string{"apply", "apply --prune", "undo"} {
		n.wantRefused(nil, command+source, "nobody listens there: is `director run` running, with that address as admin.listen?: nothing was changed")
		n.wantSnapshot(command+" without a director", applied)
	}
	n.realserver("undo")
	n.wantSnapshot("undone", before)
}
