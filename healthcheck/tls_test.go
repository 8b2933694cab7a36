package healthcheck

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// signer signs certificates for tests.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its certificate, PEM
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	a := &signer{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate for a server, good until then.
func (a *signer) issue(t testing.TB, name string, until time.Time) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secured serves a connection after a handshake as the server of a certificate.
func secured(cert tls.Certificate, serve func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		if s.Handshake() == nil {
			serve(s)
		}
	}
}

// aYear is longer than any warning is early.
func aYear() time.Time { return time.Now().Add(365 * 24 * time.Hour) }

func TestTLS(t *testing.T) {
	a, stranger := newSigner(t), newSigner(t)
	with := func(f func(*Spec)) Spec {
		s := spec("tls")
		s.ServerName, s.CA = "www.example.org", a.file
		if f != nil {
			f(&s)
		}
		return s
	}
	short := with(func(s *Spec) { s.Timeout = 50 * time.Millisecond })
	insecure := with(func(s *Spec) { s.CA, s.Insecure = "", true })
	good := a.issue(t, "www.example.org", aYear())
	expired := a.issue(t, "www.example.org", time.Now().Add(-time.Hour))
	for _, tt := range []struct {
		name   string
		spec   Spec
		target Target
		ok     bool
		want   string
	}{
		{"up", with(nil), listen(t, secured(good, hold)), true, "TLS 1.3, certificate until "},
		{"by address", with(func(s *Spec) { s.ServerName = "127.0.0.1" }), listen(t, secured(a.issue(t, "127.0.0.1", aYear()), hold)), true, "TLS 1.3"},
		{"closes after the handshake", with(nil), listen(t, secured(good, func(net.Conn) {})), true, "TLS 1.3"},
		{"expired", with(nil), listen(t, secured(expired, hold)), false, "expired"},
		{"expired, insecure", insecure, listen(t, secured(expired, hold)), true, "TLS 1.3"},
		{"another name", with(nil), listen(t, secured(a.issue(t, "mail.example.org", aYear()), hold)), false, "valid for mail.example.org, not www.example.org"},
		{"another name, insecure", insecure, listen(t, secured(a.issue(t, "mail.example.org", aYear()), hold)), true, "TLS 1.3"},
		{"unknown authority", with(nil), listen(t, secured(stranger.issue(t, "www.example.org", aYear()), hold)), false, "unknown authority"},
		{"not in the host's authorities", with(func(s *Spec) { s.CA = "" }), listen(t, secured(good, hold)), false, "unknown authority"},
		{"refused", with(nil), refused(t), false, "connect: connection refused"},
		{"silent", short, silent(t), false, "no answer within"},
		{"accepts, never answers", short, listen(t, hold), false, "no answer within"},
		{"closes at once", with(nil), listen(t, func(net.Conn) {}), false, "connection"},
		{"speaks no TLS", with(nil), listen(t, func(c net.Conn) { c.Write([]byte("220 mail ready\r\n")); hold(c) }), false, "does not look like a TLS handshake"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, tt.spec, tt.target)
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) || r.Warning != "" {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
}

// TestTLSExpiry: a certificate that ends soon is no failure, and is told of.
func TestTLSExpiry(t *testing.T) {
	a := newSigner(t)
	target := listen(t, secured(a.issue(t, "www.example.org", time.Now().Add(3*24*time.Hour)), hold))
	for _, tt := range []struct {
		expiry time.Duration
		warns  bool
	}{{DefaultExpiry, true}, {72*time.Hour + time.Minute, true}, {71 * time.Hour, false}, {0, false}} {
		s := spec("tls")
		s.ServerName, s.CA, s.Expiry = "www.example.org", a.file, tt.expiry
		r := check(t, s, target)
		if !r.OK || (r.Warning != "") != tt.warns || tt.warns && !strings.Contains(r.Warning, "expires on 20") {
			t.Errorf("expiry %v: got %+v", tt.expiry, r)
		}
	}
}

// TestTLSAuthoritiesChange: a file of authorities may be exchanged while probes run,
// and what it had holds while it is not there.
func TestTLSAuthoritiesChange(t *testing.T) {
	a := newSigner(t)
	target := listen(t, secured(newSigner(t).issue(t, "www.example.org", aYear()), hold))
	next := newSigner(t)
	renewed := listen(t, secured(next.issue(t, "www.example.org", aYear()), hold))
	s := spec("tls")
	s.ServerName, s.CA = "www.example.org", a.file
	c, err := New(s, renewed, Way{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := New(s, target, Way{})
	if err != nil {
		t.Fatal(err)
	}
	asks := func(when string, c Checker, want bool) {
		t.Helper()
		ctx, cancel := timeout(t, s.Timeout)
		defer cancel()
		if r := c.Check(ctx); r.OK != want {
			t.Errorf("%s: %+v", when, r)
		}
	}
	asks("the old authority", c, false)
	if err := os.Rename(next.file, a.file); err != nil {
		t.Fatal(err)
	}
	asks("the new authority", c, true)
	asks("the new authority, a server of none", other, false)
	if err := os.Remove(a.file); err != nil {
		t.Fatal(err)
	}
	asks("no file", c, true)
	if err := os.WriteFile(a.file, []byte("-----BEGIN CERT"), 0o644); err != nil {
		t.Fatal(err)
	}
	asks("half a file", c, true)
}

func TestTLSValidate(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bad := file("bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	for _, tt := range []struct {
		change func(*Spec)
		field  string
		want   string
	}{
		{func(s *Spec) { s.ServerName = "" }, "server_name", "is missing"},
		{func(s *Spec) { s.ServerName = "www.example.org:443" }, "server_name", "not the name"},
		{func(s *Spec) { s.ServerName = ".example.org" }, "server_name", "not the name"},
		{func(s *Spec) { s.CA = dir + "/none" }, "ca", "does not exist"},
		{func(s *Spec) { s.CA = dir }, "ca", "is not a file"},
		{func(s *Spec) { s.CA = "ca.pem" }, "ca", "not an absolute path"},
		{func(s *Spec) { s.CA = file("empty.pem", "nothing") }, "ca", "has no certificate"},
		{func(s *Spec) { s.CA = bad }, "ca", "has a certificate that is none: x509"},
		{func(s *Spec) { s.Insecure, s.CA = true, newSigner(t).file }, "insecure", "with a ca"},
		{func(s *Spec) { s.Expiry = -1 }, "expiry", "in the past"},
	} {
		s := spec("tls")
		s.ServerName = "www.example.org"
		tt.change(&s)
		errs := s.Validate()
		if len(errs) != 1 || errs[0].Field != tt.field || !strings.Contains(errs[0].Message, tt.want) || errs[0].Remedy == "" {
			t.Errorf("%s: got %v, want %q", tt.field, errs, tt.want)
		}
	}
	for _, ok := range []func(*Spec){
		func(s *Spec) { s.ServerName, s.Insecure = "", true },
		func(s *Spec) { s.ServerName = "2001:db8::1" },
		func(s *Spec) { s.ServerName = "a_b.example.org" },
	} {
		s := spec("tls")
		s.ServerName = "www.example.org"
		ok(&s)
		if errs := s.Validate(); errs != nil {
			t.Errorf("%+v: %v", s, errs)
		}
	}
}

// TestAuthorities: a file is read again when it is another.
func TestAuthorities(t *testing.T) {
	one, other := newSigner(t), newSigner(t)
	first, err := authorities(one.file)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := authorities(one.file); err != nil || again != first {
		t.Errorf("read twice: %v", err)
	}
	if err := os.Rename(other.file, one.file); err != nil {
		t.Fatal(err)
	}
	pool, err := authorities(one.file)
	if err != nil || pool.Equal(first) {
		t.Errorf("the old file, after it was replaced: %v", err)
	}
	if err := os.Remove(one.file); err != nil {
		t.Fatal(err)
	}
	if _, err := authorities(one.file); err == nil {
		t.Error("no error after it was removed")
	}
}
