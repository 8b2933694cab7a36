package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lvsdr/realserver"
)

// testKeep is `director realserver run` on a host in memory.
type testKeep struct {
	*keepProcess
	log          *logBuffer
	reload, stop chan os.Signal
	ended        chan error
}

// startKeep runs it with the flags.
func startKeep(t *testing.T, host realserver.Host, args ...string) (*testKeep, error) {
	t.Helper()
	f, o := parseRun(t, host, args...)
	k := &testKeep{log: new(logBuffer), reload: make(chan os.Signal), stop: make(chan os.Signal), ended: make(chan error, 1)}
	var err error
	k.keepProcess, err = newKeepProcess(t.Context(), f, o, host, slog.New(slog.NewTextHandler(k.log, nil)))
	if err != nil {
		return nil, err
	}
	go func() { k.ended <- k.run(context.Background(), k.reload, k.stop) }()
	return k, nil
}

// parseRun reads the flags, as cobra would.
func parseRun(t *testing.T, host realserver.Host, args ...string) (*realserverFlags, keepOptions) {
	t.Helper()
	f := &realserverFlags{options: realserver.Options{StateDir: filepath.Join(t.TempDir(), "state")}}
	o := keepOptions{interval: realserver.DefaultInterval}
	cmd := f.runCommand(host)
	for _, arg := range args {
		flag, value, _ := strings.Cut(arg, "=")
		switch flag {
		case "--vip":
			f.vips = append(f.vips, value)
		case "--config":
			f.source.config = value
		case "--listen":
			o.listen = value
		case "--prune":
			f.options.Prune = true
		case "--undo-on-exit":
			o.undo = true
		default:
			t.Fatal(arg)
		}
	}
	if err := f.parse(cmd, nil); err != nil {
		t.Fatal(err)
	}
	return f, o
}

// end stops it.
func (k *testKeep) end(t *testing.T) {
	t.Helper()
	k.stop <- syscall.SIGTERM
	if err := <-k.ended; err != nil {
		t.Error(err)
	}
}

// get asks it over HTTP.
func (k *testKeep) get(t *testing.T, path string, code int, want string) {
	t.Helper()
	resp, err := http.Get("http://" + k.server.listener.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != code || !strings.Contains(string(body), want) {
		t.Errorf("GET %s: %d, %v\n%s\nwant %d and %q", path, resp.StatusCode, err, body, code, want)
	}
}

func TestRealserverRun(t *testing.T) {
	m := newManager(t)
	host := newRealserverHost()
	before := host.Snapshot()
	file := filepath.Join(t.TempDir(), "director.yaml")
	write := func(vips ...string) {
		t.Helper()
		text := "ingress: eth0\nservices:\n"
		for _, vip := range vips {
			text += "  - {name: s" + vip[len(vip)-1:] + ", address: \"" + vip + ":80\", real_servers: [192.0.2.21]}\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("192.0.2.10")
	k, err := startKeep(t, host, "--config="+file, "--listen=127.0.0.1:0", "--prune", "--undo-on-exit")
	if err != nil {
		t.Fatal(err)
	}
	m.wait(t, "STATUS=VIPs: 1; put back: 0; healthy")
	m.wait(t, "READY=1")
	k.get(t, "/", 200, `{"healthy":true,`)
	k.get(t, "/vip/192.0.2.10", 200, `"vips":["192.0.2.10"]`)
	k.get(t, "/vip/192.0.2.11", 404, "not kept here")

	write("192.0.2.11", "192.0.2.12")
	k.reload <- syscall.SIGHUP
	m.wait(t, "RELOADING=1\nMONOTONIC_USEC=")
	m.wait(t, "STATUS=VIPs: 2; put back: 0; healthy")
	m.wait(t, "READY=1")
	k.get(t, "/vip/192.0.2.10", 404, "not kept here; [192.0.2.11 192.0.2.12] are")
	k.get(t, "/vip/192.0.2.12", 200, "")

	if err := os.WriteFile(file, []byte("services: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.reload <- syscall.SIGHUP
	m.wait(t, "RELOADING=1")
	m.wait(t, "READY=1")
	k.get(t, "/", 200, `{"healthy":true,`)

	k.stop <- syscall.SIGTERM
	m.wait(t, "STOPPING=1")
	if err := <-k.ended; err != nil {
		t.Error(err)
	}
	if host.Snapshot() != before {
		t.Errorf("the host is\n%s\nwant\n%s", host.Snapshot(), before)
	}
	for _, want := range []string{
		`msg=applied setting=net.ipv4.conf.all.arp_ignore was=0 now=3`,
		`msg=ready version=`,
		`msg=applied setting="192.0.2.11/32 on lo" was=missing now="scope host, lo:1"`,
		`msg=undone change="lo: remove 192.0.2.10/32"`,
		`msg="applied again"`,
		`level=ERROR msg="not all is applied that was asked for" err="` + file,
		`msg=stopping signal=terminated`,
		`msg=undone change="net.ipv4.conf.all.arp_ignore: 3 -> 0"`,
		`msg=stopped`,
	} {
		if !strings.Contains(k.log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, k.log)
		}
	}
}

func TestRealserverRunWatchdog(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	k, err := startKeep(t, newRealserverHost(), "--vip=192.0.2.10")
	if err != nil {
		t.Fatal(err)
	}
	m.wait(t, "STATUS=")
	m.wait(t, "READY=1")
	m.wait(t, "WATCHDOG=1")
	m.wait(t, "WATCHDOG=1")
	k.end(t)
}

// TestRealserverRunUnhealthy: what apply does not mend is said, and is no reason
// to end.
func TestRealserverRunUnhealthy(t *testing.T) {
	m := newManager(t)
	host := newRealserverHost()
	host.Sysctl["net/ipv4/conf/eth0/proxy_arp"] = "1"
	k, err := startKeep(t, host, "--vip=192.0.2.10", "--vip=2001:db8::10", "--listen=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.wait(t, "STATUS=VIPs: 2; put back: 0; UNHEALTHY: proxy_arp on eth0 is on")
	m.wait(t, "READY=1")
	k.get(t, "/healthz", 503, `{"healthy":false,`)
	k.get(t, "/vip/192.0.2.10", 503, "sysctl -w net.ipv4.conf.eth0.proxy_arp=0")
	k.get(t, "/vip/2001:db8::10", 200, "")
	k.end(t)
	if want := `level=WARN msg=wrong what="proxy_arp on eth0 is on"`; !strings.Contains(k.log.String(), want) {
		t.Errorf("no %q in the log:\n%s", want, k.log)
	}
	if !slices.ContainsFunc(host.Address, func(a realserver.Address) bool { return a.Label == "lo:0" }) {
		t.Error("the VIP went without --undo-on-exit")
	}
}

// TestRealserverRunRefused: what cannot be at the start ends it, and changes
// nothing.
func TestRealserverRunRefused(t *testing.T) {
	host := newRealserverHost()
	before := host.Snapshot()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := startKeep(t, host, "--vip=192.0.2.10", "--listen="+taken.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("%v, want that the port is taken", err)
	}
	if _, err := startKeep(t, host, "--config=/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that there is no such file", err)
	}
	host.Unprivileged = true
	k, err := startKeep(t, host, "--vip=192.0.2.10", "--listen=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := <-k.ended; !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Errorf("%v, want what is needed", err)
	}
	if host.Snapshot() != before {
		t.Error("the host was changed")
	}
}

func TestRealserverRunUsage(t *testing.T) {
	for _, args := range []string{
		"run", "run 192.0.2.10", "run --vip 192.0.2.10 --interval 1ms", "run --vip 192.0.2.10 --listen 9481",
		"run --vip 192.0.2.10 --log-format xml", "run --vip 192.0.2.10 --method magic", "run --vip 192.0.2.10 --json",
	} {
		host := newRealserverHost()
		before := host.Snapshot()
		out, err := runRealserver(host, append(strings.Fields(args), "--state-dir="+t.TempDir())...)
		var usage interface{ ExitCode() int }
		if !errors.As(err, &usage) || usage.ExitCode() != 2 {
			t.Errorf("%q: %v is not wrong usage; it printed\n%s", args, err, out)
		}
		if host.Snapshot() != before {
			t.Errorf("%q changed the host", args)
		}
	}
}
