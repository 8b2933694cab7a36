package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/director"
	"lvsdr/director/memhost"
	"lvsdr/frame"
	"lvsdr/notify"
)

// manager is a service manager that notes what it is told.
type manager struct{ conn *net.UnixConn }

func newManager(t *testing.T) manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return manager{conn}
}

// wait returns once the manager is told that.
func (m manager) wait(t *testing.T, want string) {
	t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 256)
	n, err := m.conn.Read(buf)
	if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, want) {
		t.Fatalf("the service manager was told %q, %v; want %q", got, err, want)
	}
}

// logBuffer is a log that several goroutines write.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// testProcess is `director run` around a fake director.
type testProcess struct {
	*process
	file         string
	log          *logBuffer
	reload, stop chan os.Signal
	ended        chan error
}

func newTestProcess(t *testing.T, f *fake, text string) *testProcess {
	t.Helper()
	dir := t.TempDir()
	p := &testProcess{
		file: filepath.Join(dir, "director.yaml"), log: new(logBuffer),
		reload: make(chan os.Signal), stop: make(chan os.Signal), ended: make(chan error, 1),
	}
	p.write(t, strings.ReplaceAll(text, "DIR", dir))
	log := slog.New(slog.NewTextHandler(p.log, nil))
	p.process = &process{file: p.file, log: log, notify: newNotifier(log), events: notify.New(log), engine: f}
	c, err := p.load()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.listen(c.Admin); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *testProcess) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *testProcess) start() {
	go func() { p.ended <- p.run(context.Background(), p.reload, p.stop) }()
}

func TestProcess(t *testing.T) {
	m := newManager(t)
	f := &fake{status: sample()}
	p := newTestProcess(t, f, "ingress: eth0\nadmin: {socket: DIR/a.sock}\nipvs: {sync_version: 1}\n")
	dir := filepath.Dir(p.file)
	f.run = func(ctx context.Context) error {
		p.ready()
		<-ctx.Done()
		return nil
	}
	f.reload = func() (api.Reload, error) {
		_, err := p.load()
		return api.Reload{Changed: true}, err
	}
	p.start()
	m.wait(t, "READY=1")
	if _, err := api.NewClient(dir + "/a.sock").Status(t.Context()); err != nil {
		t.Error(err)
	}

	// A reload moves the admin API; a refused one leaves it.
	p.write(t, "ingress: eth0\nadmin: {socket: "+dir+"/b.sock}\nipvs: {conntrack: 1}\n")
	p.reload <- syscall.SIGHUP
	m.wait(t, "RELOADING=1\nMONOTONIC_USEC=")
	m.wait(t, "READY=1")
	p.write(t, "ingres: eth0\nadmin: {socket: "+dir+"/c.sock, listne: x}\n")
	p.reload <- syscall.SIGHUP
	m.wait(t, "RELOADING=1")
	m.wait(t, "READY=1")
	if _, err := api.NewClient(dir + "/b.sock").Status(t.Context()); err != nil {
		t.Error(err)
	}

	p.stop <- syscall.SIGTERM
	m.wait(t, "STOPPING=1")
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		`level=WARN msg="a key of the configuration has no effect" key="` + p.file + `:3:22: ipvs.sync_version: `,
		`level=WARN msg="a key of the configuration has no effect" key="` + p.file + `:3:19: ipvs.conntrack: `,
		"msg=reloaded config=" + p.file,
		`level=ERROR msg="reload refused, what ran before goes on" err="` + p.file + `:1:1: ingres: `,
		`err="` + p.file + `:2:`,
		"msg=stopping signal=terminated",
		"msg=stopped uptime=76h0m0s connections=1234567890 open=1234 frames=98765432209 forward=98765432109 reply=10 ignore=0 drop=90 lost=7",
	} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, p.log)
		}
	}
}

func TestProcessWatchdog(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	f := &fake{status: sample(), run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
	p := newTestProcess(t, f, "ingress: eth0\nadmin: {socket: DIR/a.sock}\n")
	p.start()
	m.wait(t, "WATCHDOG=1")
	m.wait(t, "WATCHDOG=1")
	p.stop <- syscall.SIGINT
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

func TestProcessEndsWithItsDirector(t *testing.T) {
	broken := errors.New("open eth0: no such interface")
	for _, err := range []error{broken, nil} {
		f := &fake{status: sample(), run: func(context.Context) error { return err }}
		p := newTestProcess(t, f, "ingress: eth0\nadmin: {socket: DIR/a.sock}\n")
		p.start()
		got := <-p.ended
		if got == nil || err != nil && !errors.Is(got, err) {
			t.Errorf("%v, want %v", got, err)
		}
		if _, err := os.Lstat(p.loaded.Load().Admin.Socket); err == nil {
			t.Error("the socket is left")
		}
	}
}

func TestReloadWithoutPlaceForTheAPI(t *testing.T) {
	f := &fake{status: sample(), run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
	p := newTestProcess(t, f, "ingress: eth0\nadmin: {socket: DIR/a.sock}\n")
	f.reload = func() (api.Reload, error) {
		c := *p.loaded.Load()
		c.Admin = config.Admin{Socket: "/proc/none/director.sock"}
		p.loaded.Store(&c)
		return api.Reload{Changed: true}, nil
	}
	p.start()
	r, err := p.Reload(t.Context())
	if err != nil || !r.Changed || !strings.HasPrefix(r.Problem, "the admin API stays where it was: ") {
		t.Errorf("%+v, %v", r, err)
	}
	if log := p.log.String(); strings.Contains(log, "refused") || !strings.Contains(log, `msg="reloaded, but the admin API stays where it was" err=`) {
		t.Errorf("log:\n%s", log)
	}
	p.stop <- syscall.SIGTERM
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}

// TestReloadMovesTheAPI: what the process moves, a director says that a reload
// has changed.
func TestReloadMovesTheAPI(t *testing.T) {
	const text = "ingress: eth0\nconnections: 1024\nstate_dir: \"\"\n"
	p := newTestProcess(t, nil, text+"admin: {socket: DIR/a.sock}\n")
	host := memhost.New()
	host.AddInterface("eth0", frame.MAC{2, 0, 0, 0, 0, 1}, netip.MustParsePrefix("192.0.2.1/24"))
	ready := make(chan struct{})
	d, err := director.New(director.Options{
		Config: p.loaded.Load(), Load: p.load, Host: host, Log: p.process.log, Ready: func() { close(ready) },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.engine = d
	p.start()
	<-ready
	old := p.loaded.Load().Admin.Socket
	moved := filepath.Join(filepath.Dir(old), "b.sock")
	p.write(t, text+"admin: {socket: "+moved+"}\n")
	if r, err := api.NewClient(old).Reload(t.Context()); err != nil || !r.Changed || r.NeedRestart != nil || r.Problem != "" {
		t.Errorf("%+v, %v", r, err)
	}
	if s, err := api.NewClient(moved).Status(t.Context()); err != nil || len(s.Alarms) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := os.Lstat(old); err == nil {
		t.Error("the old socket is left")
	}
	p.stop <- syscall.SIGTERM
	if err := <-p.ended; err != nil {
		t.Error(err)
	}
}
