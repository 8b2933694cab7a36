package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/lab"
)

// ldirectord is Debian's ldirectord, a daemon on the director's host that finds
// the director where it looks for ipvsadm.
type ldirectord struct {
	cluster *cluster
	program string
	file    string // ldirectord.cf
	log     string // its log
}

// ldirectord looks at its servers once a second, and for a change it starts some
// dozen programs one after the other, which takes long on a busy machine.
const (
	ldirectordPoll     = 100 * time.Millisecond
	ldirectordPatience = 4 * patience
)

// newLdirectord prepares ldirectord; Run("start") starts it. It knows ipvsadm by
// the path of Debian's package, which it depends on: there, and on this host
// only, ipvsadm is this program.
func (c *cluster) newLdirectord(config string) *ldirectord {
	c.t.Helper()
	const kernels = "/sbin/ipvsadm"
	l := &ldirectord{
		cluster: c, program: needProgram(c.t, "ldirectord", "ldirectord"),
		file: filepath.Join(c.Dir, "ldirectord.cf"), log: filepath.Join(c.Dir, "ldirectord.log"),
	}
	program, err := exec.LookPath(ipvsadmName)
	if err == nil {
		err = c.Director.Do(func() error { return unix.Mount(program, kernels, "", unix.MS_BIND, "") })
	}
	if err != nil {
		c.t.Fatalf("put this program in the place of %s: %v", kernels, err)
	}
	l.Configure(config)
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Logf("%s:\n%s", l.log, l.logged())
		}
	})
	return l
}

// Configure writes ldirectord.cf: what is the same in all of them, and config.
// Checks are as frequent as they can be.
func (l *ldirectord) Configure(config string) {
	l.cluster.t.Helper()
	text := fmt.Sprintf("checkinterval=1\nchecktimeout=3\nlogfile=\"%s\"\n%s", l.log, config)
	if err := os.WriteFile(l.file, []byte(text), 0o600); err != nil {
		l.cluster.t.Fatal(err)
	}
}

// Stop stops it, and waits until it has ended.
func (l *ldirectord) Stop() {
	l.cluster.t.Helper()
	l.Run("stop")
	pidFile := func() error {
		return l.cluster.Director.Do(func() error {
			_, err := os.Stat("/run/ldirectord." + filepath.Base(l.file) + ".pid")
			return err
		})
	}
	if err, ok := poll(ldirectordPoll, ldirectordPatience, pidFile, os.IsNotExist); !ok {
		l.cluster.t.Fatalf("ldirectord still runs %v after it was stopped: its pid file: %v", ldirectordPatience, err)
	}
}

// Run runs `ldirectord VERB`, start or reload. It tells the daemon, and does not
// wait until that has done it.
func (l *ldirectord) Run(verb string) {
	l.cluster.t.Helper()
	p := l.cluster.Director.Command(context.Background(), l.program, l.file, verb)
	// With the race detector a program sleeps for 1 s at its end, unless it is
	// told not to; ldirectord runs dozens one after the other.
	p.Env = append(os.Environ(), socketVariable+"="+l.cluster.socket(), "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0")
	if err := p.Run(); err != nil {
		l.cluster.t.Fatal(err)
	}
}

// Listed is what `ipvsadm -Ln` lists, a service a line, with the weights of its
// servers: "TCP 192.0.2.10:80 rr: 192.0.2.21:80 1, 192.0.2.22:80 1". The servers
// are sorted, since ldirectord adds them in no certain order.
func (l *ldirectord) Listed() string {
	l.cluster.t.Helper()
	code, text, stderr := runDirector("ipvsadm", "--socket", l.cluster.socket(), "-Ln")
	if code != 0 {
		l.cluster.t.Fatalf("ipvsadm -Ln: exit code %d: %s", code, stderr)
	}
	var services [][]string // each with its servers
	for _, line := range strings.Split(text, "\n")[3:] {
		switch words := strings.Fields(line); {
		case len(words) == 0:
		case words[0] == "->":
			last := &services[len(services)-1]
			*last = append(*last, words[1]+" "+words[3])
		default:
			services = append(services, []string{strings.Join(words, " ")})
		}
	}
	var lines []string
	for _, s := range services {
		slices.Sort(s[1:])
		lines = append(lines, strings.TrimSpace(s[0]+": "+strings.Join(s[1:], ", ")))
	}
	return strings.Join(lines, "\n")
}

// CheckListed fails the test unless that is listed now.
func (l *ldirectord) CheckListed(when, want string) {
	l.cluster.t.Helper()
	if got := l.Listed(); got != want {
		l.cluster.t.Errorf("%s: ipvsadm lists\n%s\nwant\n%s", when, got, want)
	}
}

// WaitListed waits until that is listed.
func (l *ldirectord) WaitListed(when, want string) {
	l.cluster.t.Helper()
	if got, ok := poll(ldirectordPoll, ldirectordPatience, l.Listed, func(got string) bool { return got == want }); !ok {
		l.cluster.t.Fatalf("%s: waited %v for ipvsadm to list\n%s\nit lists\n%s", when, ldirectordPatience, want, got)
	}
}

// WaitLog waits until ldirectord has logged that.
func (l *ldirectord) WaitLog(text string) {
	l.cluster.t.Helper()
	if got, ok := poll(ldirectordPoll, ldirectordPatience, l.logged, func(got string) bool { return strings.Contains(got, text) }); !ok {
		l.cluster.t.Fatalf("waited %v for %q in the log:\n%s", ldirectordPatience, text, got)
	}
}

// logged is all that ldirectord has logged.
func (l *ldirectord) logged() string {
	text, err := os.ReadFile(l.log)
	if err != nil && !os.IsNotExist(err) {
		l.cluster.t.Error(err)
	}
	return string(text)
}

// FailChecks makes ldirectord's checks of a server fail, which goes on serving
// clients.
func (l *ldirectord) FailChecks(s *realServer) *lab.Fault {
	return s.Link.Drop(lab.Match{Src: l.cluster.Director.Addr})
}
