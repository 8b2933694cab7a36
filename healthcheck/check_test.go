package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// listen starts a server on the loopback that gives each connection to serve,
// and ends with the test.
func listen(t *testing.T, serve func(net.Conn)) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	a := l.Addr().(*net.TCPAddr).AddrPort()
	return Target{Addr: a.Addr(), Port: a.Port(), Name: "test"}
}

// hold keeps a connection open until the peer has closed it.
func hold(c net.Conn) { io.Copy(io.Discard, c) }

// answer reads the request's header and sends the text; %HOLD% at its end keeps
// the connection open.
func answer(text string) func(net.Conn) {
	text, stay := strings.CutSuffix(text, "%HOLD%")
	return func(c net.Conn) {
		if _, err := readHeader(c); err != nil {
			return
		}
		io.WriteString(c, text)
		if stay {
			hold(c)
		}
	}
}

func readHeader(c net.Conn) (string, error) {
	var got []byte
	b := make([]byte, 1)
	for !strings.HasSuffix(string(got), "\r\n\r\n") {
		if _, err := c.Read(b); err != nil {
			return "", err
		}
		got = append(got, b[0])
	}
	return string(got), nil
}

// refused is a port of the loopback on which nobody listens.
func refused(t *testing.T) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := l.Addr().(*net.TCPAddr).AddrPort()
	return Target{Addr: a.Addr(), Port: a.Port()}
}

// silent is a port whose accept queue is full, so that the kernel drops SYNs.
func silent(t *testing.T) Target {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
		syscall.Listen(fd, 0),
	); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Port: uint16(name.(*syscall.SockaddrInet4).Port)}
	for range 8 {
		c, err := net.DialTimeout("tcp", netip.AddrPortFrom(target.Addr, target.Port).String(), 100*time.Millisecond)
		if err != nil {
			return target
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("this kernel does not drop SYNs at a full accept queue")
	return target
}

func check(t *testing.T, spec Spec, target Target) Result {
	t.Helper()
	c, err := New(spec, target, Way{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), spec.Timeout)
	defer cancel()
	start := time.Now()
	r := c.Check(ctx)
	if took := time.Since(start); took > spec.Timeout+2*time.Second {
		t.Errorf("took %v with a timeout of %v", took, spec.Timeout)
	}
	if r.Message == "" || strings.ContainsAny(r.Message, "\r\n") || len(r.Message) > 300 {
		t.Errorf("message %q", r.Message)
	}
	return r
}

func spec(kind string) Spec {
	s := Defaults().WithKind(kind)
	s.Via, s.Timeout = ViaReal, 2*time.Second
	return s
}

func TestTCP(t *testing.T) {
	short := spec("tcp")
	short.Timeout = 50 * time.Millisecond
	for _, tt := range []struct {
		name   string
		spec   Spec
		target Target
		ok     bool
		want   string
	}{
		{"up", spec("tcp"), listen(t, hold), true, "connected"},
		{"closes at once", spec("tcp"), listen(t, func(net.Conn) {}), true, "connected"},
		{"refused", spec("tcp"), refused(t), false, "connection refused"},
		{"silent", short, silent(t), false, "no answer within"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, tt.spec, tt.target)
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
}

func TestHTTP(t *testing.T) {
	big := strings.Repeat("x", bodyLimit)
	with := func(f func(*Spec)) Spec { s := spec("http"); f(&s); return s }
	short := with(func(s *Spec) { s.Timeout = 50 * time.Millisecond })
	body := func(re string) Spec { return with(func(s *Spec) { s.Body = re }) }
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	for _, tt := range []struct {
		name  string
		spec  Spec
		serve func(net.Conn)
		ok    bool
		want  string
	}{
		{"up", spec("http"), answer(ok), true, "HTTP 200"},
		{"keeps the connection", spec("http"), answer(ok + "%HOLD%"), true, "HTTP 200"},
		{"HTTP/1.0", spec("http"), answer("HTTP/1.0 200 OK\r\n\r\nhello"), true, "HTTP 200"},
		{"endless body, not asked for", spec("http"), answer("HTTP/1.1 200 OK\r\n\r\nhello%HOLD%"), true, "HTTP 200"},
		{"redirect is not followed", spec("http"), answer("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), true, "HTTP 302"},
		{"interim answers", spec("http"), answer("HTTP/1.1 103 Early Hints\r\n\r\n" + ok), true, "HTTP 200"},
		{"only interim answers", spec("http"), answer(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9)), false, "informational"},
		{"wrong status", spec("http"), answer("HTTP/1.1 503 No\r\n\r\n"), false, "HTTP 503, expected 200-399"},
		{"status list", with(func(s *Spec) { s.Status = "401" }), answer("HTTP/1.1 401 No\r\n\r\n"), true, "HTTP 401"},
		{"not on the status list", with(func(s *Spec) { s.Status = "401" }), answer(ok), false, "expected 401"},
		{"body", body("^hel+o$"), answer(ok + "%HOLD%"), true, "matches"},
		{"chunked body", body("^hello$"), answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), true, "matches"},
		{"wrong body", body("good"), answer(ok), false, "does not match"},
		{"no body", body("."), answer("HTTP/1.1 204 No Content\r\n\r\n"), false, "does not match"},
		{"match within the limit", body("y$"), answer("HTTP/1.1 200 OK\r\n\r\n" + big[1:] + "yz"), true, "matches"},
		{"match beyond the limit", body("y"), answer("HTTP/1.1 200 OK\r\n\r\n" + big + "y"), false, "does not match"},
		{"body cut short", body("hel"), answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), false, "closed before"},
		{"body never ends", with(func(s *Spec) { s.Body, s.Timeout = "hel", 50*time.Millisecond }), answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello%HOLD%"), false, "no answer within"},
		{"accepts, never answers", short, hold, false, "no answer within"},
		{"closes at once", spec("http"), func(c net.Conn) { readHeader(c) }, false, "closed before"},
		{"resets", spec("http"), func(c net.Conn) { readHeader(c); c.(*net.TCPConn).SetLinger(0) }, false, "connection reset"},
		{"slow header", short, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200"); hold(c) }, false, "no answer within"},
		{"garbage", spec("http"), answer("\x00\x01\xff garbage\r\n\r\n"), false, "malformed"},
		{"speaks first", spec("http"), func(c net.Conn) { io.WriteString(c, "220 mail\r\n"); hold(c) }, false, "malformed"},
		{"much garbage", spec("http"), answer(strings.Repeat("g", 10*headerLimit)), false, "header longer"},
		{"endless header", spec("http"), answer("HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", headerLimit)), false, "header longer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, tt.spec, listen(t, tt.serve))
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
	if r := check(t, spec("http"), refused(t)); r.OK || r.Message != "connect: connection refused" {
		t.Errorf("refused: %+v", r)
	}
}

func TestHTTPRequest(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	got := make(chan string, 1)
	target := listen(t, func(c net.Conn) {
		h, _ := readHeader(c)
		got <- h
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	})
	s := spec("http")
	if r := check(t, s, target); !r.OK {
		t.Fatal(r.Message)
	}
	want := fmt.Sprintf("GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: director-healthcheck\r\nAccept: */*\r\nConnection: close\r\n\r\n", target.Port)
	if h := sortedTail(<-got); h != sortedTail(want) {
		t.Errorf("sent %q", h)
	}
	s.Host, s.Path = "www.example.org", "//live?full=1&x=%20"
	if r := check(t, s, target); !r.OK {
		t.Fatal(r.Message)
	}
	if h := <-got; !strings.HasPrefix(h, "GET //live?full=1&x=%20 HTTP/1.1\r\nHost: www.example.org\r\n") {
		t.Errorf("sent %q", h)
	}
}

// sortedTail drops the order of header fields after Host's, which is free.
func sortedTail(h string) string {
	lines := strings.Split(h, "\r\n")
	for i := 2; i < len(lines); i++ {
		for j := i; j > 2 && lines[j] < lines[j-1]; j-- {
			lines[j], lines[j-1] = lines[j-1], lines[j]
		}
	}
	return strings.Join(lines, "\n")
}

func TestHostHeader(t *testing.T) {
	for _, tt := range []struct {
		addr string
		port uint16
		want string
	}{
		{"192.0.2.1", 80, "192.0.2.1"},
		{"192.0.2.1", 8080, "192.0.2.1:8080"},
		{"2001:db8::1", 80, "[2001:db8::1]"},
		{"fe80::1%eth0", 81, "[fe80::1]:81"},
	} {
		if got := hostHeader(netip.AddrPortFrom(netip.MustParseAddr(tt.addr), tt.port), "http"); got != tt.want {
			t.Errorf("%s port %d: %q, want %q", tt.addr, tt.port, got, tt.want)
		}
	}
}

func TestDialIsUsed(t *testing.T) {
	for _, kind := range []string{"tcp", "http"} {
		var asked string
		dial := func(_ context.Context, network, address string) (net.Conn, error) {
			asked = network + " " + address
			return nil, errors.New("no\nroad " + strings.Repeat("!", 500))
		}
		c, err := New(spec(kind), Target{Addr: netip.MustParseAddr("192.0.2.1"), Port: 7}, Way{Dial: dial})
		if err != nil {
			t.Fatal(err)
		}
		r := c.Check(t.Context())
		if asked != "tcp 192.0.2.1:7" || r.OK || !strings.HasPrefix(r.Message, "no.road !") || len(r.Message) > messageLimit+3 {
			t.Errorf("%s: asked %q, got %+v", kind, asked, r)
		}
	}
}
