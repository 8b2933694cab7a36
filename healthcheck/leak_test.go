package healthcheck

import (
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLeaks: a thousand probes of a kind, that end well and that do not, leave
// neither descriptors nor goroutines nor processes behind. The kinds that need
// root have the same test on a LAN.
func TestLeaks(t *testing.T) {
	a := newSigner(t)
	cert := a.issue(t, "www.example.org", aYear())
	secure := func(s *Spec) { s.ServerName, s.CA = "www.example.org", a.file }
	weight := filepath.Join(t.TempDir(), "weight")
	if err := os.WriteFile(weight, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	loopback := Target{Addr: netip.MustParseAddr("127.0.0.1")}
	mail := mailServer("220 hi\r\n", map[string]string{"EHLO": "250 hi\r\n", "QUIT": "221 bye\r\n"}, nil)
	mute := listenUDP(t, func([]byte, func(string)) {})
	echo := listenUDP(t, func(_ []byte, send func(string)) { send("x") })
	never := listen(t, hold)
	for _, tt := range []struct {
		name   string
		kind   string
		target Target
		change func(*Spec)
		bad    Target // silent
	}{
		{"tcp", "tcp", listen(t, hold), nil, silent(t)},
		{"tcp, expect", "tcp", listen(t, func(c net.Conn) { io.WriteString(c, "x"); hold(c) }), func(s *Spec) { s.Expect = "x" }, never},
		{"tls", "tls", listen(t, secured(cert, hold)), secure, never},
		{"http", "http", newWebServer(t, nil, true, hello).Target, nil, never},
		{"http 2", "http", newWebServer(t, nil, true, hello).Target, func(s *Spec) { s.Version = "2" }, never},
		{"http, reuse", "http", newWebServer(t, nil, true, hello).Target, func(s *Spec) { s.Reuse = true }, never},
		{"https", "https", newWebServer(t, &cert, true, hello).Target, secure, never},
		{"udp", "udp", echo, nil, mute},
		{"dns", "dns", (&zone{}).serve(t), func(s *Spec) { s.Name = "." }, mute},
		{"smtp", "smtp", listen(t, mail), nil, never},
		{"grpc", "grpc", newWebServer(t, nil, true, health([]byte{8, 1}, "0", "")).Target, nil, never},
		{"exec", "exec", loopback, func(s *Spec) { s.Command, s.User = JoinCommand([]string{"/bin/true"}), whoami(t) }, loopback},
		{"file", "file", loopback, func(s *Spec) { s.File = weight }, loopback},
		{"none", "none", loopback, nil, loopback},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spec(tt.kind)
			if tt.change != nil {
				tt.change(&s)
			}
			good, err := New(s, tt.target, Way{})
			if err != nil {
				t.Fatal(err)
			}
			bad, err := New(s, tt.bad, Way{})
			if err != nil {
				t.Fatal(err)
			}
			before := settled(t)
			for i := range 1000 {
				c, limit, ok := good, s.Timeout, true
				if i%100 == 99 {
					c, limit, ok = bad, 5*time.Millisecond, false
				}
				ctx, cancel := timeout(t, limit)
				if r := c.Check(ctx); ok && !r.OK {
					t.Fatalf("probe %d: %s", i, r.Message)
				}
				cancel()
			}
			good.Close()
			bad.Close()
			expectSettled(t, before)
		})
	}
}

// possessions are what a probe may leave behind.
type possessions struct{ files, goroutines, children int }

func count(t testing.TB) (p possessions) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	p.files, p.goroutines = len(list), runtime.NumGoroutine()
	// A child that has ended and was not waited for.
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err != nil || pid <= 0 {
			return p
		}
		p.children++
	}
}

// settled counts until the count stays as it is: servers of tests end some of
// theirs after the client.
func settled(t testing.TB) possessions {
	t.Helper()
	last := count(t)
	for range 1000 {
		runtime.Gosched()
		time.Sleep(time.Millisecond)
		now := count(t)
		if now == last {
			return now
		}
		last = now
	}
	return last
}

// expectSettled waits until there is no more than before.
func expectSettled(t testing.TB, before possessions) {
	t.Helper()
	var now possessions
	for range 2000 {
		now = count(t)
		if now.children > 0 {
			t.Fatalf("%d children were left", now.children)
		}
		if now.files <= before.files && now.goroutines <= before.goroutines {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("before: %+v, after: %+v", before, now)
}
