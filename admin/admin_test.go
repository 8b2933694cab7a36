package admin_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lvsdr/admin"
	"lvsdr/admin/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a director that says what it is told to.
type fake struct {
	status      func(context.Context) (*api.Status, error)
	reload      func(context.Context) (api.Reload, error)
	change      func(context.Context, api.Changes) (api.Changed, error)
	events      func(context.Context, api.EventFilter, func([]api.Event) bool) error
	order       func(api.OrderRequest) (api.Ordered, error)
	connections func(context.Context, api.ConnectionFilter, func(api.Connection) bool) error
	why         func(protocol, client, vip string) (*api.Why, error)
}

func (f fake) Status(ctx context.Context) (*api.Status, error) { return f.status(ctx) }
func (f fake) Reload(ctx context.Context) (api.Reload, error)  { return f.reload(ctx) }

func (f fake) Change(ctx context.Context, c api.Changes) (api.Changed, error) {
	return f.change(ctx, c)
}

func (f fake) Events(ctx context.Context, filter api.EventFilter, yield func([]api.Event) bool) error {
	return f.events(ctx, filter, yield)
}

func (f fake) Order(_ context.Context, o api.OrderRequest) (api.Ordered, error) { return f.order(o) }

func (f fake) Connections(ctx context.Context, filter api.ConnectionFilter, yield func(api.Connection) bool) error {
	return f.connections(ctx, filter, yield)
}

func (f fake) Why(_ context.Context, protocol, client, vip string) (*api.Why, error) {
	return f.why(protocol, client, vip)
}

func always(s *api.Status) fake {
	return fake{
		status: func(context.Context) (*api.Status, error) { return s, nil },
		reload: func(context.Context) (api.Reload, error) {
			return api.Reload{Changed: true, NeedRestart: []string{"workers"}}, nil
		},
	}
}

func socketPath(t *testing.T) string { return filepath.Join(t.TempDir(), "run", "director.sock") }

// serve answers for the source until the test or the returned function ends.
func serve(t *testing.T, o admin.Options) (*admin.Server, func()) {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := admin.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	stopped := false
	stop := func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
	t.Cleanup(stop)
	return s, stop
}

func TestStatusAndReload(t *testing.T) {
	want := sample()
	path := socketPath(t)
	_, stop := serve(t, admin.Options{Socket: path, Source: always(want)})
	client := api.NewClient(path)
	got, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status changed on the way (-sent +received):\n%s", diff)
	}
	reload, err := client.Reload(t.Context())
	if err != nil || !reload.Changed || len(reload.NeedRestart) != 1 {
		t.Errorf("reload: %+v, %v", reload, err)
	}
	stop()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestRefusedReload(t *testing.T) {
	path := socketPath(t)
	source := always(nil)
	source.reload = func(context.Context) (api.Reload, error) {
		return api.Reload{}, errors.New("director.yaml:3:1: ingres: is not a key")
	}
	serve(t, admin.Options{Socket: path, Source: source})
	_, err := api.NewClient(path).Reload(t.Context())
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Message != "director.yaml:3:1: ingres: is not a key" {
		t.Errorf("%v", err)
	}
}

func TestWhy(t *testing.T) {
	path, source := socketPath(t), always(nil)
	source.why = func(protocol, client, vip string) (*api.Why, error) {
		if protocol != "tcp" {
			return nil, errors.New("no protocol")
		}
		return &api.Why{Protocol: protocol, Client: client, VIP: vip, Verdict: "forward", Steps: []api.WhyStep{{Step: "vip", Result: "yes"}}}, nil
	}
	serve(t, admin.Options{Socket: path, Source: source})
	client := api.NewClient(path)
	got, err := client.Why(t.Context(), "tcp", "[2001:db8::1]:1", "[2001:db8::10]:80")
	want := &api.Why{
		Protocol: "tcp", Client: "[2001:db8::1]:1", VIP: "[2001:db8::10]:80", Verdict: "forward",
		Steps: []api.WhyStep{{Step: "vip", Result: "yes"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	var refused *api.Error
	if _, err = client.Why(t.Context(), "sctp", "x", "y"); !errors.As(err, &refused) || refused.Message != "no protocol" {
		t.Errorf("%v", err)
	}
}

func TestDirectorThatIsEnding(t *testing.T) {
	path := socketPath(t)
	source := always(nil)
	source.status = func(context.Context) (*api.Status, error) { return nil, context.DeadlineExceeded }
	serve(t, admin.Options{Socket: path, Source: source})
	_, err := api.NewClient(path).Status(t.Context())
	if err == nil || !strings.Contains(err.Error(), "busy or ending") {
		t.Errorf("%v", err)
	}
}

func TestSocketMode(t *testing.T) {
	old := syscall.Umask(0o077) // must not matter
	defer syscall.Umask(old)
	path := socketPath(t)
	serve(t, admin.Options{Socket: path, Source: always(nil)})
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestLiveSocketIsRefused(t *testing.T) {
	path := socketPath(t)
	_, stop := serve(t, admin.Options{Socket: path, Source: always(sample())})
	if _, err := admin.Listen(admin.Options{Socket: path, Source: always(nil)}); !errors.Is(err, admin.ErrLive) {
		t.Errorf("a second one: %v", err)
	}
	if _, err := api.NewClient(path).Status(t.Context()); err != nil {
		t.Errorf("the first one: %v", err)
	}
	stop()
	serve(t, admin.Options{Socket: path, Source: always(nil)})
}

// TestLockOfOthers: everybody may open the socket's directory and lock it. That must
// not keep a director from starting.
func TestLockOfOthers(t *testing.T) {
	path := socketPath(t)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	letGo := time.AfterFunc(10*time.Second, func() { syscall.Flock(int(dir.Fd()), syscall.LOCK_UN) })
	serve(t, admin.Options{Socket: path, Source: always(sample())})
	if !letGo.Stop() {
		t.Fatal("it waited for another user's lock")
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("beside the socket there is %v, %v", left, err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := socketPath(t)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	serve(t, admin.Options{Socket: path, Source: always(sample())})
	if _, err := api.NewClient(path).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFileIsNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := admin.Listen(admin.Options{Socket: path, Source: always(nil)})
	if err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("%v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "mine" {
		t.Error("the file is gone")
	}
}

// TestSuccessorKeepsItsSocket: one that ends late must not remove the socket
// of the one that came after it.
func TestSuccessorKeepsItsSocket(t *testing.T) {
	path := socketPath(t)
	_, stop := serve(t, admin.Options{Socket: path, Source: always(nil)})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	serve(t, admin.Options{Socket: path, Source: always(sample())})
	stop()
	if _, err := api.NewClient(path).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRebind(t *testing.T) {
	old, next := socketPath(t), socketPath(t)
	s, _ := serve(t, admin.Options{Socket: old, Listen: "127.0.0.1:0", Source: always(sample())})
	address := s.Addr().String()
	if err := s.Rebind(next, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if s.Addr().String() != address {
		t.Error("the TCP address moved although it was the same")
	}
	if _, err := api.NewClient(old).Status(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old socket: %v", err)
	}
	if _, err := api.NewClient(next).Status(t.Context()); err != nil {
		t.Errorf("the new socket: %v", err)
	}
	if err := s.Rebind(next, ""); err != nil || s.Addr() != nil {
		t.Errorf("no TCP any more: %v, %v", s.Addr(), err)
	}
	if err := s.Rebind(old, "192.0.2.1:1"); err == nil {
		t.Error("an address of another host was taken")
	}
	if _, err := api.NewClient(next).Status(t.Context()); err != nil {
		t.Errorf("after a failed change: %v", err)
	}
	if err := s.Rebind(next, "127.0.0.1:0"); err != nil || s.Addr() == nil {
		t.Errorf("TCP again: %v", err)
	}
}

func TestClientExplains(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "ask the director at " + dir + "/none: no such file: is `director run` running, and with this admin socket?",
		file:                       "ask the director at " + file + ": nobody listens any more: the director that made it has ended",
	} {
		_, err := api.NewClient(path).Status(t.Context())
		if err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}

// TestLimits: what is no request of the API gets a short answer or none.
func TestLimits(t *testing.T) {
	path := socketPath(t)
	serve(t, admin.Options{Socket: path, Source: always(sample())})
	for request, want := range map[string]string{
		"GET /v2/status HTTP/1.0\r\n\r\n":                                 "404",
		"POST /v1/status HTTP/1.0\r\n\r\n":                                "404",
		"GET /v1/status HTTP/1.0\r\nX: " + strings.Repeat("x", 1<<20):     "431",
		"\x00\x00\x00 not HTTP\r\n\r\n":                                   "400",
		"GET /v1/status HTTP/1.0\r\nContent-Length: 999999999999\r\n\r\n": "200",
	} {
		conn, err := net.DialTimeout("unix", path, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		conn.Write([]byte(request)) // the server may hang up before the end
		answer := make([]byte, 64)
		n, err := conn.Read(answer)
		if !bytes.Contains(answer[:n], []byte(" "+want+" ")) {
			t.Errorf("%.40q: %q, %v; want %s", request, answer[:n], err, want)
		}
		conn.Close()
	}
}
