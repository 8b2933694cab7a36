package healthcheck

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// webServer serves HTTP as net/http does, over TLS if there is a certificate, in
// the given versions, and remembers what it was asked.
type webServer struct {
	Target
	mu          sync.Mutex
	requests    []string // "HTTP/2.0 GET /path host"
	connections int
}

func newWebServer(t *testing.T, cert *tls.Certificate, two bool, handle http.HandlerFunc) *webServer {
	t.Helper()
	w := &webServer{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests = append(w.requests, fmt.Sprintf("%s %s %s %s", r.Proto, r.Method, r.URL, r.Host))
		w.mu.Unlock()
		handle(rw, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			w.mu.Lock()
			w.connections++
			w.mu.Unlock()
		}
	}
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetHTTP2(two)
	s.Config.Protocols.SetUnencryptedHTTP2(two)
	s.Config.ErrorLog = discardLog()
	if cert != nil {
		s.EnableHTTP2 = two
		s.TLS = &tls.Config{Certificates: []tls.Certificate{*cert}}
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	a := s.Listener.Addr().(*net.TCPAddr).AddrPort()
	w.Target = Target{Addr: a.Addr(), Port: a.Port()}
	return w
}

// take returns the requests so far, and how many connections there were.
func (w *webServer) take() ([]string, int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests), w.connections
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestHTTPS(t *testing.T) {
	a := newSigner(t)
	good := a.issue(t, "www.example.org", aYear())
	expired := a.issue(t, "www.example.org", time.Now().Add(-time.Hour))
	other := a.issue(t, "mail.example.org", aYear())
	stranger := newSigner(t).issue(t, "www.example.org", aYear())
	with := func(f func(*Spec)) Spec {
		s := spec("https")
		s.Host, s.CA, s.Body = "www.example.org", a.file, "^hel+o$"
		if f != nil {
			f(&s)
		}
		return s
	}
	server := func(c tls.Certificate, two bool) Target { return newWebServer(t, &c, two, hello).Target }
	for _, tt := range []struct {
		name   string
		spec   Spec
		target Target
		ok     bool
		want   string
	}{
		{"HTTP/2", with(nil), server(good, true), true, "HTTP 200, body matches"},
		{"HTTP/1.1", with(nil), server(good, false), true, "HTTP 200, body matches"},
		{"only 2", with(func(s *Spec) { s.Version = "2" }), server(good, true), true, "HTTP 200"},
		{"only 2, not offered", with(func(s *Spec) { s.Version = "2" }), server(good, false), false, "no application protocol"},
		{"only 1.1", with(func(s *Spec) { s.Version = "1.1" }), server(good, true), true, "HTTP 200"},
		{"wrong body", with(func(s *Spec) { s.Body = "bye" }), server(good, true), false, "does not match"},
		{"wrong status", with(func(s *Spec) { s.Status = "204" }), server(good, true), false, "HTTP 200, expected 204"},
		{"expired", with(nil), server(expired, true), false, "expired"},
		{"another name", with(nil), server(other, true), false, "not www.example.org"},
		{"another name, asked for", with(func(s *Spec) { s.ServerName = "mail.example.org" }), server(other, true), true, "HTTP 200"},
		{"unknown authority", with(nil), server(stranger, true), false, "unknown authority"},
		{"unknown authority, insecure", with(func(s *Spec) { s.CA, s.Insecure = "", true }), server(stranger, true), true, "HTTP 200"},
		{"no TLS", with(nil), newWebServer(t, nil, false, hello).Target, false, "TLS handshake"},
		{"refused", with(nil), refused(t), false, "connect: connection refused"},
		{"accepts, never answers", with(func(s *Spec) { s.Timeout = 50 * time.Millisecond }), listen(t, hold), false, "no answer within"},
		{
			"answers the handshake only", with(func(s *Spec) { s.Timeout = 100 * time.Millisecond }),
			listen(t, secured(good, hold)), false, "no answer within",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, tt.spec, tt.target)
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
}

func TestHTTPSWarns(t *testing.T) {
	a := newSigner(t)
	soon := a.issue(t, "www.example.org", time.Now().Add(24*time.Hour))
	for _, two := range []bool{false, true} {
		s := spec("https")
		s.Host, s.CA = "www.example.org", a.file
		if r := check(t, s, newWebServer(t, &soon, two, hello).Target); !r.OK || !strings.Contains(r.Warning, "expires on") {
			t.Errorf("HTTP/2 %v: got %+v", two, r)
		}
	}
}

// TestHTTPVersions: what is said, in which version, is what was asked for.
func TestHTTPVersions(t *testing.T) {
	a := newSigner(t)
	cert := a.issue(t, "www.example.org", aYear())
	for _, tt := range []struct {
		kind, version string
		two           bool
		want          string
	}{
		{"http", "auto", true, "HTTP/1.1 HEAD /x?y=1 www.example.org"},
		{"http", "2", true, "HTTP/2.0 HEAD /x?y=1 www.example.org"},
		{"https", "auto", true, "HTTP/2.0 HEAD /x?y=1 www.example.org"},
		{"https", "auto", false, "HTTP/1.1 HEAD /x?y=1 www.example.org"},
		{"https", "1.1", true, "HTTP/1.1 HEAD /x?y=1 www.example.org"},
		{"https", "2", true, "HTTP/2.0 HEAD /x?y=1 www.example.org"},
	} {
		c := &cert
		if tt.kind == "http" {
			c = nil
		}
		var header http.Header
		w := newWebServer(t, c, tt.two, func(_ http.ResponseWriter, r *http.Request) { header = r.Header })
		s := spec(tt.kind)
		s.Host, s.Path, s.Method, s.Version = "www.example.org", "/x?y=1", "HEAD", tt.version
		s.Headers = "X-Key: a: b\nuser-agent: tester\n"
		if tt.kind == "https" {
			s.CA = a.file
		}
		r := check(t, s, w.Target)
		requests, _ := w.take()
		if !r.OK || !slices.Equal(requests, []string{tt.want}) {
			t.Errorf("%s %s: %+v, asked %q, want %q", tt.kind, tt.version, r, requests, tt.want)
		}
		if header.Get("X-Key") != "a: b" || header.Get("User-Agent") != "tester" || header.Get("Accept") != "*/*" {
			t.Errorf("%s %s: header %v", tt.kind, tt.version, header)
		}
	}
}

// TestHTTP2Broken: a server that means something else by HTTP/2.
func TestHTTP2Broken(t *testing.T) {
	s := spec("http")
	s.Version, s.Timeout = "2", 200*time.Millisecond
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
	}{
		{"HTTP/1.1", answer("HTTP/1.1 400 Bad Request\r\n\r\n")},
		{"garbage", func(c net.Conn) { io.WriteString(c, strings.Repeat("x", 1<<20)); hold(c) }},
		{"closes", func(net.Conn) {}},
		{"silence", hold},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := check(t, s, listen(t, tt.serve)); r.OK {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// TestHTTP2Flood: a server that sends without end takes no more memory than a
// probe reads.
func TestHTTP2Flood(t *testing.T) {
	w := newWebServer(t, nil, true, func(rw http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := rw.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	s := spec("http")
	s.Version, s.Body = "2", "^\x00+$"
	if r := check(t, s, w.Target); !r.OK {
		t.Errorf("got %+v", r)
	}
	s.Body = "x"
	if r := check(t, s, w.Target); r.OK {
		t.Errorf("got %+v", r)
	}
}

func TestHTTPRedirects(t *testing.T) {
	w := newWebServer(t, nil, true, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			http.Redirect(rw, r, "login?a=b", http.StatusFound)
		case "/login":
			http.Redirect(rw, r, "http://www.example.org/done", http.StatusPermanentRedirect)
		case "/done":
			io.WriteString(rw, "done")
		case "/round":
			http.Redirect(rw, r, "/round", http.StatusFound)
		case "/nowhere":
			rw.WriteHeader(http.StatusFound)
		default:
			rw.Header().Set("Location", map[string]string{
				"/other": "http://other.example.org/", "/port": "http://www.example.org:81/",
				"/secure": "https://www.example.org/", "/bad": "http://[::1/", "/file": "file:///etc/passwd",
			}[r.URL.Path])
			rw.WriteHeader(http.StatusMovedPermanently)
		}
	})
	for _, tt := range []struct {
		path      string
		redirects int
		ok        bool
		want      string
		asked     int
	}{
		{"/", 0, false, "HTTP 302, expected 200", 1},
		{"/", 1, false, "more than 1 redirects, the last to http://www.example.org/done", 2},
		{"/", 2, true, "HTTP 200", 3},
		{"/", 20, true, "HTTP 200", 3},
		{"/round", 5, false, "more than 5 redirects", 6},
		{"/other", 5, false, "HTTP 301, expected 200", 1},
		{"/port", 5, false, "HTTP 301", 1},
		{"/secure", 5, false, "HTTP 301", 1},
		{"/bad", 5, false, "HTTP 301", 1},
		{"/file", 5, false, "HTTP 301", 1},
		{"/nowhere", 5, false, "HTTP 302", 1},
	} {
		for _, version := range []string{"1.1", "2"} {
			before, _ := w.take()
			s := spec("http")
			s.Host, s.Path, s.Redirects, s.Status, s.Version = "www.example.org", tt.path, tt.redirects, "200", version
			r := check(t, s, w.Target)
			after, _ := w.take()
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) || len(after)-len(before) != tt.asked {
				t.Errorf("%s, %d, HTTP/%s: got %+v after %q, want %v, %q", tt.path, tt.redirects, version, r, after[len(before):], tt.ok, tt.want)
			}
			for _, request := range after[len(before):] {
				if !strings.HasSuffix(request, " www.example.org") {
					t.Errorf("asked %q", request)
				}
			}
		}
	}
}

// TestHTTPReuse: the connection is kept if that is asked for, and one that the
// server has closed meanwhile is no failure.
func TestHTTPReuse(t *testing.T) {
	a := newSigner(t)
	cert := a.issue(t, "www.example.org", aYear())
	for _, tt := range []struct{ kind, version string }{
		{"http", "1.1"}, {"http", "2"}, {"https", "1.1"}, {"https", "2"},
	} {
		for _, reuse := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.kind, tt.version, reuse), func(t *testing.T) {
				c := &cert
				if tt.kind == "http" {
					c = nil
				}
				w := newWebServer(t, c, true, hello)
				s := spec(tt.kind)
				s.Host, s.Version, s.Reuse = "www.example.org", tt.version, reuse
				if tt.kind == "https" {
					s.CA = a.file
				}
				probes(t, s, w, reuse)
			})
		}
	}
}

func probes(t *testing.T, s Spec, w *webServer, reuse bool) {
	t.Helper()
	c, err := New(s, w.Target, Way{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 5 {
		ctx, cancel := timeout(t, s.Timeout)
		if r := c.Check(ctx); !r.OK {
			t.Fatal(r.Message)
		}
		cancel()
	}
	want := 5
	if reuse {
		want = 1
	}
	if _, connections := w.take(); connections != want {
		t.Errorf("%d connections for 5 probes, want %d", connections, want)
	}
}

// TestHTTPReuseOfClosed: the server answers once on each connection, and closes
// it some time later without having said so.
func TestHTTPReuseOfClosed(t *testing.T) {
	closing := make(chan struct{})
	target := listen(t, func(c net.Conn) {
		readHeader(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
		<-closing
	})
	s := spec("http")
	s.Reuse = true
	c, err := New(s, target, Way{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, cancel := timeout(t, s.Timeout)
		if r := c.Check(ctx); !r.OK {
			t.Error(r.Message)
		}
		cancel()
		closing <- struct{}{}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	// What is begun after Close is not kept.
	go func() { closing <- struct{}{} }()
	ctx, cancel := timeout(t, s.Timeout)
	defer cancel()
	if r := c.Check(ctx); !r.OK {
		t.Error(r.Message)
	}
	if c.(checker).question.(*httpCheck).kept.session != nil {
		t.Error("a session is kept after Close")
	}
}

func TestHTTPSHost(t *testing.T) {
	for _, tt := range []struct{ addr, kind, want string }{
		{"192.0.2.1:443", "https", "192.0.2.1"},
		{"192.0.2.1:80", "https", "192.0.2.1:80"},
		{"[2001:db8::1]:443", "https", "[2001:db8::1]"},
		{"192.0.2.1:443", "http", "192.0.2.1:443"},
	} {
		if got := hostHeader(netip.MustParseAddrPort(tt.addr), tt.kind); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.kind, tt.addr, got, tt.want)
		}
	}
	for host, want := range map[string]string{
		"www.example.org": "www.example.org", "www.example.org:8443": "www.example.org",
		"[2001:db8::1]:8443": "2001:db8::1", "[2001:db8::1]": "2001:db8::1", "": "",
	} {
		if got := hostName(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

func TestHTTPValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*Spec)
		field  string
		want   string
	}{
		{func(s *Spec) { s.Method = "POST" }, "method", "not a method"},
		{func(s *Spec) { s.Method = "get" }, "method", "not a method"},
		{func(s *Spec) { s.Headers = "no colon\n" }, "headers", "not the name"},
		{func(s *Spec) { s.Headers = "a b: c\n" }, "headers", "not the name"},
		{func(s *Spec) { s.Headers = "X: a\rb\n" }, "headers", "has a character"},
		{func(s *Spec) { s.Headers = "host: a\n" }, "headers", "set by the check"},
		{func(s *Spec) { s.Redirects = -1 }, "redirects", "out of range"},
		{func(s *Spec) { s.Redirects = 21 }, "redirects", "out of range"},
		{func(s *Spec) { s.Version = "3" }, "version", "not a version"},
		{func(s *Spec) { s.Method, s.Body = "HEAD", "x" }, "body", "HEAD"},
		{func(s *Spec) { s.Insecure, s.Kind = true, "http" }, "insecure", "means nothing"},
		{func(s *Spec) { s.Kind, s.Host = "https", "" }, "server_name", "is missing"},
	} {
		s := spec("http")
		tt.change(&s)
		errs := s.Validate()
		if len(errs) != 1 || errs[0].Field != tt.field || !strings.Contains(errs[0].Message, tt.want) || errs[0].Remedy == "" {
			t.Errorf("%s: got %v, want %q", tt.field, errs, tt.want)
		}
	}
}
