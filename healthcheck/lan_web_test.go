package healthcheck

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen 0.0.0.0:80;
		listen [::]:80 ipv6only=on;
		listen 0.0.0.0:443 ssl http2;
		listen [::]:443 ipv6only=on ssl http2;
		listen 0.0.0.0:8443 ssl;
		ssl_certificate %[2]s;
		ssl_certificate_key %[3]s;
		location = / { default_type text/plain; return 200 "hello from $host over $server_protocol\n"; }
		location = /old { return 301 /; }
		location = /away { return 302 http://elsewhere.example.org/; }
		location = /sick { return 503; }
	}
	server {
		listen 0.0.0.0:444 ssl;
		ssl_certificate %[4]s;
		ssl_certificate_key %[5]s;
	}
}
`

// TestLANWeb: http and https against nginx.
func TestLANWeb(t *testing.T) {
	c := newCluster(t)
	a := newSigner(t)
	cert, key := c.files("good", a.issue(t, "www.example.org", aYear()))
	oldCert, oldKey := c.files("expired", a.issue(t, "www.example.org", time.Now().Add(-time.Hour)))
	config := c.write("nginx.conf", fmt.Appendf(nil, nginxConfig, c.dir, cert, key, oldCert, oldKey))
	nginx := c.start("nginx", "nginx-light", "-p", c.dir, "-c", config, "-e", "stderr")

	http := func(change func(*Spec)) Spec {
		s := spec("http")
		s.Status = "200"
		if change != nil {
			change(&s)
		}
		return s
	}
	https := func(change func(*Spec)) Spec {
		s := spec("https")
		s.Host, s.CA, s.Status = "www.example.org", a.file, "200"
		if change != nil {
			change(&s)
		}
		return s
	}
	c.awaitUp(nginx, http(nil), server4, 80)
	for _, tt := range []struct {
		name string
		spec Spec
		port uint16
		ok   bool
		want string
	}{
		{"http", http(func(s *Spec) { s.Body = "^hello from 192.0.2.21 over HTTP/1.1\n$" }), 80, true, "HTTP 200, body matches"},
		{"http, reuse", http(func(s *Spec) { s.Reuse = true }), 80, true, "HTTP 200"},
		{"HEAD", http(func(s *Spec) { s.Method = "HEAD" }), 80, true, "HTTP 200"},
		{"redirect", http(func(s *Spec) { s.Path, s.Redirects, s.Host = "/old", 1, "www.example.org" }), 80, true, "HTTP 200"},
		{"redirect, not followed", http(func(s *Spec) { s.Path = "/old" }), 80, false, "HTTP 301, expected 200"},
		{"redirect to another host", http(func(s *Spec) { s.Path, s.Redirects = "/away", 5 }), 80, false, "HTTP 302, expected 200"},
		{"status", http(func(s *Spec) { s.Path = "/sick" }), 80, false, "HTTP 503"},
		{"not found", http(func(s *Spec) { s.Path = "/none" }), 80, false, "HTTP 404"},
		{"body", http(func(s *Spec) { s.Body = "bye" }), 80, false, "does not match"},
		{"refused", http(nil), 81, false, "connection refused"},
		{"http at a port of https", http(nil), 443, false, "HTTP"},
		{"https", https(func(s *Spec) { s.Body = "hello from www.example.org over HTTP/2.0" }), 443, true, "HTTP 200, body matches"},
		{"https, reuse", https(func(s *Spec) { s.Reuse = true }), 443, true, "HTTP 200"},
		{"https, 1.1", https(func(s *Spec) { s.Version, s.Body = "1.1", "over HTTP/1.1" }), 443, true, "HTTP 200"},
		{"https at a port of http", https(nil), 80, false, "TLS handshake"},
		{"another name", https(func(s *Spec) { s.ServerName = "mail.example.org" }), 443, false, "not mail.example.org"},
		{"unknown authority", https(func(s *Spec) { s.CA = newSigner(t).file }), 443, false, "unknown authority"},
		{"expired", https(nil), 444, false, "expired"},
		{"expired, insecure", https(func(s *Spec) { s.Insecure, s.CA, s.Status = true, "", "200-499" }), 444, true, "HTTP 404"},
	} {
		c.expect(tt.name, tt.spec, server4, tt.port, tt.ok, tt.want)
	}
	// Only HTTP/1.1, as nginx offers by default.
	c.expect("https, no HTTP/2", https(func(s *Spec) { s.Version = "2" }), server6, 443, true, "HTTP 200")
	c.expect("IPv6", http(func(s *Spec) { s.Body = `hello from \[2001:db8::21\]` }), server6, 80, true, "HTTP 200")

	c.frozen(nginx, func() {
		for _, addr := range []netip.Addr{server4, server6} {
			c.expect("frozen, http", short(http(nil)), addr, 80, false, "no answer within")
			c.expect("frozen, https", short(https(nil)), addr, 443, false, "no answer within")
			c.expect("frozen, tcp: the kernel answers", short(spec("tcp")), addr, 80, true, "connected")
		}
	})
	c.awaitUp(nginx, http(nil), server4, 80)
	c.gone(func() {
		c.expect("no address, http", short(http(nil)), server4, 80, false, "no answer within")
		c.expect("no address, https", short(https(nil)), server6, 443, false, "no answer within")
	})
	c.awaitUp(nginx, https(nil), server4, 443)
	if err := nginx.Kill(); err != nil {
		t.Fatal(err)
	}
	c.expect("killed, http", http(nil), server4, 80, false, "connection refused")
	c.expect("killed, https", https(nil), server6, 443, false, "connection refused")
}
