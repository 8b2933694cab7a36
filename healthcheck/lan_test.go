package healthcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lvsdr/lab"
)

// cluster is a prober and a real server on a segment:
//
//	prober 192.0.2.1, 2001:db8::1 ── lan ── server 192.0.2.21, 2001:db8::21
type cluster struct {
	*testing.T
	lab            *lab.Lab
	prober, server *lab.Host
	wire           *lab.Link // of the server
	dir            string    // for files of the server's programs
}

var (
	server4 = netip.MustParseAddr("192.0.2.21")
	server6 = netip.MustParseAddr("2001:db8::21")
)

func newCluster(t *testing.T) *cluster {
	t.Helper()
	l := lab.ForTest(t)
	c := &cluster{T: t, lab: l, prober: l.Host("prober"), server: l.Host("server"), dir: t.TempDir()}
	lan := l.Switch("lan")
	l.Connect(c.prober, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24", "2001:db8::1/64")})
	c.wire = l.Connect(c.server, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.21/24", "2001:db8::21/64")})
	c.awaitAddresses()
	return c
}

// awaitAddresses waits until the server has its addresses: the kernel takes a
// moment over an IPv6 one.
func (c *cluster) awaitAddresses() {
	c.Helper()
	for _, addr := range []netip.Addr{server4, server6} {
		deadline := time.Now().Add(10 * time.Second)
		for s := short(spec("arp")); !c.probe(s, addr, 0).OK; {
			if time.Now().After(deadline) {
				c.Fatalf("nobody has %s", addr)
			}
		}
	}
}

// probe runs one probe from the prober.
func (c *cluster) probe(s Spec, addr netip.Addr, port uint16) (r Result) {
	c.Helper()
	checker, err := New(s, Target{Addr: addr, Port: port}, Way{})
	if err != nil {
		c.Fatal(err)
	}
	defer checker.Close()
	err = c.prober.Do(func() error {
		ctx, cancel := timeout(c, s.Timeout)
		defer cancel()
		start := time.Now()
		r = checker.Check(ctx)
		if took := time.Since(start); took > s.Timeout+time.Second {
			c.Errorf("%s took %v with a timeout of %v", checker, took, s.Timeout)
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	return r
}

// expect runs one probe and compares.
func (c *cluster) expect(what string, s Spec, addr netip.Addr, port uint16, ok bool, message string) {
	c.Helper()
	if r := c.probe(s, addr, port); r.OK != ok || !strings.Contains(r.Message, message) {
		c.Errorf("%s: got %+v, want %v, %q", what, r, ok, message)
	}
}

// start starts a program of the server's.
func (c *cluster) start(name, debian string, args ...string) *lab.Process {
	c.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		program = filepath.Join("/usr/sbin", name)
	}
	if _, err := os.Stat(program); err != nil {
		c.Fatalf("%s is missing: apt-get install %s", name, debian)
	}
	p := c.server.Command(context.Background(), program, args...)
	if err := p.Start(); err != nil {
		c.Fatal(err)
	}
	return p
}

// awaitUp probes until the program answers: nothing else tells of that.
func (c *cluster) awaitUp(p *lab.Process, s Spec, addr netip.Addr, port uint16) {
	c.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		r := c.probe(s, addr, port)
		switch {
		case r.OK:
			return
		case time.Now().After(deadline):
			c.Fatalf("%s is not up: %s\n%s", p, r.Message, p.Output())
		}
		select {
		case <-p.Done():
			c.Fatalf("%s ended: %v", p, p.Wait())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// frozen stops a program, runs fn, and lets the program go on.
func (c *cluster) frozen(p *lab.Process, fn func()) {
	c.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		c.Fatal(err)
	}
	fn()
	if err := p.Signal(syscall.SIGCONT); err != nil {
		c.Fatal(err)
	}
}

// gone takes the server's address away, so that nothing answers for it, runs fn,
// and gives it back.
func (c *cluster) gone(fn func()) {
	c.Helper()
	for _, p := range lab.MustPrefixes("192.0.2.21/24", "2001:db8::21/64") {
		c.wire.DeleteAddr(p)
	}
	c.prober.FlushNeighbors()
	fn()
	for _, p := range lab.MustPrefixes("192.0.2.21/24", "2001:db8::21/64") {
		c.wire.AddAddr(p)
	}
	c.prober.FlushNeighbors()
	c.awaitAddresses()
}

// short is a spec whose timeout is shorter than the kernel waits for ARP.
func short(s Spec) Spec {
	s.Timeout = 300 * time.Millisecond
	return s
}

// patient is a spec whose timeout is longer than the kernel waits for ARP: three
// questions, a second each (arp(7), mcast_solicit).
func patient(s Spec) Spec {
	s.Every, s.Timeout = 6*time.Second, 6*time.Second
	return s
}

// files writes a certificate and its key where a program can read them.
func (c *cluster) files(name string, cert tls.Certificate) (certFile, keyFile string) {
	c.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		c.Fatal(err)
	}
	certFile, keyFile = c.write(name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})),
		c.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return certFile, keyFile
}

func (c *cluster) write(name string, text []byte) string {
	c.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		c.Fatal(err)
	}
	return path
}
