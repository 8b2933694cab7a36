package healthcheck

import (
	"context"
	"net"
	"testing"
	"time"
)

// TestStop: a probe that waits returns soon after it is stopped, whatever its
// kind waits for.
func TestStop(t *testing.T) {
	a := newSigner(t)
	cert := a.issue(t, "www.example.org", aYear())
	never, mute := listen(t, hold), listenUDP(t, func([]byte, func(string)) {})
	afterTLS := listen(t, secured(cert, func(c net.Conn) { hold(c) }))
	for _, tt := range []struct {
		name, kind string
		target     Target
		change     func(*Spec)
	}{
		{"connect", "tcp", silent(t), nil},
		{"expect", "tcp", never, func(s *Spec) { s.Expect = "x" }},
		{"tls", "tls", never, nil},
		{"http", "http", never, nil},
		{"http 2", "http", never, func(s *Spec) { s.Version = "2" }},
		{"https", "https", never, nil},
		{"https after the handshake", "https", afterTLS, nil},
		{"udp", "udp", mute, nil},
		{"udp, expect", "udp", mute, func(s *Spec) { s.Expect = "x" }},
		{"dns", "dns", mute, func(s *Spec) { s.Name = "." }},
		{"smtp", "smtp", never, nil},
		{"grpc", "grpc", never, nil},
		{"exec", "exec", never, func(s *Spec) { s.Command, s.User = JoinCommand([]string{"/bin/sleep", "60"}), whoami(t) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spec(tt.kind)
			if s.Kind == "tls" || s.Kind == "https" {
				s.ServerName, s.CA = "www.example.org", a.file
			}
			if tt.change != nil {
				tt.change(&s)
			}
			c, err := New(s, tt.target, Way{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(30*time.Millisecond, cancel)
			start := time.Now()
			if r := c.Check(ctx); r.OK || r.Message == "" {
				t.Errorf("got %+v", r)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
