package via

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"lvsdr/healthcheck"
	"lvsdr/lab"
)

// TestLANKinds: every kind asks the VIP on the server that it is sent to, over
// IPv4 and IPv6, and fails on a server that lacks it though its services run.
func TestLANKinds(t *testing.T) {
	s := newSegment(t)
	var servers []Server
	for n := 21; n <= 22; n++ {
		h := s.server(n)
		if n == 21 {
			own(h)
		}
		serveKinds(t, h, 0)
		for _, server := range both(n) {
			server.Programs = true
			servers = append(servers, server)
		}
	}
	s.open()
	s.set(servers...)
	s.quiet()
	// The kernel takes a moment over an IPv6 address.
	deadline := time.Now().Add(10 * time.Second)
	for !s.check(rip6(21), healthcheck.ViaVIP).OK {
		if time.Now().After(deadline) {
			t.Fatal("the server does not answer over IPv6")
		}
	}
	for _, k := range kindsOf("server21") {
		for _, server := range servers {
			c := s.checker(k, server)
			has := server.Addr == rip(21) || server.Addr == rip6(21)
			if r := s.run(c); r.OK != has || !has && !strings.Contains(r.Message, "no answer") && !strings.Contains(r.Message, "unreachable") {
				t.Errorf("%s: %+v", c, r)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// asked is a check of a kind, with the port that serveKinds serves it on.
type asked struct {
	healthcheck.Spec
	port uint16
}

// kindsOf are checks of all kinds that ask a VIP, each of which wants to hear the
// server's name where there is one to be heard.
func kindsOf(name string) (all []asked) {
	for _, k := range []struct {
		kind   string
		port   uint16
		change func(*healthcheck.Spec)
	}{
		{"tcp", 80, func(s *healthcheck.Spec) { s.Expect = name }},
		{"tls", 443, func(s *healthcheck.Spec) { s.Insecure = true }},
		{"http", 8080, func(s *healthcheck.Spec) { s.Body = name }},
		{"http", 8080, func(s *healthcheck.Spec) { s.Body, s.Version = name, "2" }},
		{"https", 443, func(s *healthcheck.Spec) { s.Body, s.Insecure = name, true }},
		{"udp", 7, func(s *healthcheck.Spec) { s.Send, s.Expect = "who?", name }},
		{"dns", 53, func(s *healthcheck.Spec) { s.Name, s.Type, s.Answer = "example.org", "TXT", name }},
		{"smtp", 25, nil},
		{"grpc", 8080, nil},
		{"icmp", 0, nil},
		{"exec", 80, func(s *healthcheck.Spec) {
			s.Command = healthcheck.JoinCommand([]string{
				"/bin/bash", "-c", `exec 3<>/dev/tcp/$DIRECTOR_ADDRESS/$DIRECTOR_PORT && read -r name <&3 && test "$name" = ` + name,
			})
		}},
	} {
		spec := healthcheck.Defaults().WithKind(k.kind)
		spec.Via = healthcheck.ViaVIP
		if k.change != nil {
			k.change(&spec)
		}
		all = append(all, asked{spec, k.port})
	}
	return all
}

func (s *segment) checker(k asked, server Server) healthcheck.Checker {
	s.t.Helper()
	c, err := healthcheck.New(k.Spec, healthcheck.Target{Addr: server.Addr, VIP: server.VIPs[0], Port: k.port}, s.ways.Way(server.Addr))
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// serveKinds has a host serve all kinds of probes, on whichever address it is
// asked; it takes its time over each connection and each datagram.
func serveKinds(t *testing.T, h *lab.Host, pace time.Duration) {
	t.Helper()
	listen := func(port string) net.Listener {
		l, err := h.Listen("tcp", "[::]:"+port)
		if err != nil {
			t.Fatal(err)
		}
		return slowListener{l, pace}
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/grpc.health.v1.Health/Check" {
			_, _ = io.WriteString(w, h.Name())
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = io.WriteString(w, "\x00\x00\x00\x00\x02\x08\x01")
		w.Header().Set("Grpc-Status", "0")
	}), Protocols: new(http.Protocols)}
	web.Protocols.SetHTTP1(true)
	web.Protocols.SetHTTP2(true)
	web.Protocols.SetUnencryptedHTTP2(true)
	web.TLSConfig = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	plain, secure := listen("8080"), listen("443")
	go func() { _ = web.Serve(plain) }()
	go func() { _ = web.ServeTLS(secure, "", "") }()
	t.Cleanup(func() { web.Close() })
	mail := listen("25")
	go serveMail(mail)
	for port, answer := range map[string]func([]byte) []byte{
		"7":  func([]byte) []byte { time.Sleep(pace); return []byte(h.Name()) },
		"53": func(query []byte) []byte { time.Sleep(pace); return text(query, h.Name()) },
	} {
		for _, addr := range h.Interface("lo").Addrs() {
			serveUDP(t, h, netip.MustParseAddr(addr.Addr().String()), port, answer)
		}
		for _, addr := range h.Interface("eth0").Addrs() {
			if !addr.Addr().IsLinkLocalUnicast() {
				serveUDP(t, h, addr.Addr(), port, answer)
			}
		}
	}
}

// slowListener hands out its connections late.
type slowListener struct {
	net.Listener
	pace time.Duration
}

func (l slowListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	time.Sleep(l.pace)
	return c, err
}

// serveUDP answers each datagram to one address from that address.
func serveUDP(t *testing.T, h *lab.Host, addr netip.Addr, port string, answer func([]byte) []byte) {
	t.Helper()
	c, err := h.ListenPacket("udp", net.JoinHostPort(addr.String(), port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(answer(b[:n]), from)
		}
	}()
}

// text answers a query with a TXT record.
func text(query []byte, data string) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response = true
	m.Answers = []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET},
		Body:   &dnsmessage.TXTResource{TXT: []string{data}},
	}}
	b, _ := m.Pack()
	return b
}

// serveMail is a mail server that takes no mail.
func serveMail(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewReader(c)
			for _, reply := range []string{"220 hi\r\n", "250 hello\r\n", "221 bye\r\n"} {
				_, _ = io.WriteString(c, reply)
				if _, err := in.ReadString('\n'); err != nil {
					return
				}
			}
		}()
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
