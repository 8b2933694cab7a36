package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lvsdr/lab"
)

// TestLANRun starts and ends the real program on a host and asks it over its
// socket in that host's /run:
//
//	director ── lan ── web
func TestLANRun(t *testing.T) {
	l := lab.ForTest(t)
	host, web, lan := l.Host("director"), l.Host("web"), l.Switch("lan")
	l.Connect(host, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")})
	l.Connect(web, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.21/24")})

	file := filepath.Join(t.TempDir(), "director.yaml")
	configure := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const text = `
ingress: eth0
connections: 1024
state_dir: ""
services:
  - name: web
    address: 192.0.2.10:80
    check: {kind: none}
    real_servers: [192.0.2.21]
`
	configure(text)
	run := directorCommand(t.Context(), host, "run", "--config", file)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	waitLog := func(mark int, text string) {
		t.Helper()
		if _, err := run.WaitOutputAfter(t.Context(), mark, text); err != nil {
			t.Fatal(err)
		}
	}
	waitLog(0, "msg=ready")
	ask := func(want string, code int, args ...string) {
		t.Helper()
		p := directorCommand(t.Context(), host, args...)
		err := p.Run()
		if p.ExitCode() != code || !strings.Contains(p.Output(), want) {
			t.Errorf("director %v: exit code %d, %v; want %d and %q in\n%s", args, p.ExitCode(), err, code, want, p.Output())
		}
	}
	ask("  -> 192.0.2.21:80                Route   1 ", 0, "status")
	ask(`"config_file": "`+file, 0, "status", "--json", "--config", file)
	ask("unchanged", 0, "reload")
	ask("another director is running with this admin socket", 1, "run", "--config", file)

	configure(strings.Replace(text, "192.0.2.21", "192.0.2.22", 1))
	ask("reloaded", 0, "reload")
	ask("192.0.2.22:80", 0, "status")
	configure(strings.Replace(text, "ingress", "ingres", 1))
	ask(file+":2:1: ingres: ", 1, "reload")
	mark := run.Mark()
	configure(text)
	if err := run.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitLog(mark, "msg=reloaded")
	ask("192.0.2.21:80", 0, "status")

	if err := run.Stop(); err != nil || run.ExitCode() != 0 {
		t.Errorf("exit code %d, %v", run.ExitCode(), err)
	}
	if !strings.Contains(run.Stderr(), "msg=stopped uptime=") {
		t.Error("no summary")
	}
	ask("no such file", 1, "status")
}
