package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"lvsdr/lab"
)

// keptServer is a host that the real program keeps, as a service manager starts
// it:
//
//	client 192.0.2.1 ── lan ── 192.0.2.21 server
type keptServer struct {
	t              *testing.T
	client, server *lab.Host
	manager        manager
	args           []string // that all of its commands have
}

func newKeptServer(t *testing.T) *keptServer {
	t.Helper()
	l := lab.ForTest(t)
	k := &keptServer{t: t, client: l.Host("client"), server: l.Host("server"), manager: newManager(t)}
	lan := l.Switch("lan")
	l.Connect(k.client, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")})
	l.Connect(k.server, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.21/24")})
	k.args = []string{"--state-dir", t.TempDir(), "--vip", "192.0.2.10"}
	return k
}

// command prepares `director realserver COMMAND` on the server.
func (k *keptServer) command(command string, args ...string) *lab.Process {
	return directorCommand(k.t.Context(), k.server, append(append([]string{"realserver", command}, k.args...), args...)...)
}

// run starts it, and waits until it is ready.
func (k *keptServer) run(args ...string) *lab.Process {
	k.t.Helper()
	p := k.command("run", append([]string{"--interval", "100ms", "--listen", ":9481"}, args...)...)
	if err := p.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.manager.wait(k.t, "STATUS=VIPs: 1; put back: 0; healthy")
	k.manager.wait(k.t, "READY=1")
	return p
}

// sh runs a line on the server and returns what it prints.
func (k *keptServer) sh(line string) string {
	k.t.Helper()
	p := k.server.Command(k.t.Context(), "sh", "-ec", line)
	if err := p.Run(); err != nil {
		k.t.Fatal(err)
	}
	return p.Stdout()
}

// state is what the kernel has of what the program changes.
func (k *keptServer) state() string {
	k.t.Helper()
	return k.sh("ip addr; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft list ruleset; " +
		"grep -r . /proc/sys/net/ipv4/conf; cd /proc/sys/net/ipv6/conf; grep -r . --exclude stable_secret .")
}

// get asks the server from the client.
func (k *keptServer) get(path string) (code int, body string) {
	k.t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return k.client.Dial(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: 10 * time.Second}
	resp, err := client.Get("http://192.0.2.21:9481" + path)
	if err != nil {
		k.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// wantCode asks for all VIPs and for one.
func (k *keptServer) wantCode(want int, text string) {
	k.t.Helper()
	for _, path := range []string{"/", "/healthz", "/vip/192.0.2.10"} {
		if code, body := k.get(path); code != want || !strings.Contains(body, text) {
			k.t.Errorf("GET %s: %d\n%s\nwant %d and %q", path, code, body, want, text)
		}
	}
}

// wantRefused runs another command, which fails and says why.
func (k *keptServer) wantRefused(want, command string, args ...string) {
	k.t.Helper()
	p := k.command(command, args...)
	if err := p.Run(); err == nil || p.ExitCode() != 1 || !strings.Contains(p.Stderr(), want) {
		k.t.Errorf("%v: exit code %d; want 1 and %q in\n%s", p, p.ExitCode(), want, p.Output())
	}
}

// TestLANRealserverRun: the program under a service manager, and asked by health
// checks, from the start to the end; also when it was killed.
func TestLANRealserverRun(t *testing.T) {
	k := newKeptServer(t)
	before := k.state()
	run := k.run("--undo-on-exit")
	k.wantCode(200, `{"healthy":true,`)
	if code, _ := k.get("/vip/192.0.2.11"); code != 404 {
		t.Errorf("another VIP: %d", code)
	}

	k.wantRefused("another `director realserver run` keeps it (process ", "run")
	k.wantRefused("`director realserver run` keeps it (process ", "undo")
	k.sh("ip addr del 192.0.2.10/32 dev lo")
	k.manager.wait(t, "STATUS=VIPs: 1; put back: 1; healthy")
	k.wantCode(200, `"mended":1`)

	// What cannot be put back: another owns the VIP.
	k.sh("ip addr add 192.0.2.10/24 dev eth0")
	k.manager.wait(t, "STATUS=VIPs: 1; put back: 1; UNHEALTHY: 192.0.2.10: it is on eth0")
	k.wantCode(503, "ip addr del 192.0.2.10/24 dev eth0")
	k.sh("ip addr del 192.0.2.10/24 dev eth0")
	k.manager.wait(t, "STATUS=VIPs: 1; put back: 1; healthy")

	if err := run.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	k.manager.wait(t, "RELOADING=1")
	k.manager.wait(t, "READY=1")
	if err := run.Kill(); err != nil {
		t.Fatal(err)
	}
	// What was applied is still there, and nobody keeps it.
	if err := k.command("check").Run(); err != nil {
		t.Error(err)
	}

	run = k.run("--undo-on-exit")
	if err := run.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	k.manager.wait(t, "STOPPING=1")
	if err := run.Wait(); err != nil {
		t.Error(err)
	}
	if after := k.state(); after != before {
		t.Errorf("the server is\n%s\nwant\n%s", after, before)
	}
}
