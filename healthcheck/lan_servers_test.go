package healthcheck

import (
	"net/netip"
	"testing"
	"time"
)

// TestLANTLS: tls against openssl's server.
func TestLANTLS(t *testing.T) {
	c := newCluster(t)
	a := newSigner(t)
	good := spec("tls")
	good.ServerName, good.CA = "www.example.org", a.file
	serve := func(port string, until time.Time) {
		cert, key := c.files(port, a.issue(t, "www.example.org", until))
		c.start("openssl", "openssl", "s_server", "-accept", port, "-cert", cert, "-key", key, "-quiet")
	}
	cert, key := c.files("good", a.issue(t, "www.example.org", aYear()))
	server := c.start("openssl", "openssl", "s_server", "-accept", "4433", "-cert", cert, "-key", key, "-quiet")
	serve("4434", time.Now().Add(-time.Hour))
	serve("4435", time.Now().Add(time.Hour))
	old := c.start("openssl", "openssl", "s_server", "-accept", "4436", "-cert", cert, "-key", key, "-quiet", "-tls1_2")
	c.awaitUp(server, good, server4, 4433)
	for _, port := range []uint16{4434, 4435, 4436} {
		c.awaitUp(server, spec("tcp"), server4, port)
	}

	other, stranger := good, good
	other.ServerName, stranger.CA = "mail.example.org", newSigner(t).file
	c.expect("up", good, server4, 4433, true, "TLS 1.3, certificate until")
	c.expect("another name", other, server4, 4433, false, "not mail.example.org")
	c.expect("unknown authority", stranger, server4, 4433, false, "unknown authority")
	c.expect("expired", good, server4, 4434, false, "expired")
	c.expect("TLS 1.2", good, server4, 4436, true, "TLS 1.2")
	c.expect("refused", good, server4, 4437, false, "connection refused")
	if r := c.probe(good, server4, 4435); !r.OK || r.Warning == "" {
		t.Errorf("expires soon: %+v", r)
	}
	c.frozen(server, func() {
		c.expect("frozen", short(good), server4, 4433, false, "no answer within")
	})
	c.gone(func() {
		c.expect("no address", short(good), server4, 4436, false, "no answer within")
	})
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	c.expect("killed", good, server4, 4436, false, "connection refused")
}

// TestLANDNS: dns, and udp, against dnsmasq.
func TestLANDNS(t *testing.T) {
	c := newCluster(t)
	server := c.start("dnsmasq", "dnsmasq-base", "--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv",
		"--user=root", "--pid-file="+c.dir+"/pid", "--bind-interfaces", "--listen-address=192.0.2.21", "--listen-address=2001:db8::21",
		"--local=/example.org/", "--host-record=www.example.org,192.0.2.80,2001:db8::80", "--mx-host=example.org,mail.example.org,10",
		"--txt-record=long.example.org,"+long(200)+","+long(200)+","+long(200)+","+long(200)+","+long(200)+","+long(200)+","+long(200),
		"--srv-host=_sip._tcp.example.org,sip.example.org,5060,1,2", "--cname=web.example.org,www.example.org",
		"--ptr-record=80.2.0.192.in-addr.arpa,www.example.org")
	ask := func(name, kind, answer string) Spec {
		s := spec("dns")
		s.Name, s.Type, s.Answer = name, kind, answer
		return s
	}
	nothing := ask("none.example.org", "A", "")
	nothing.Rcode = "NXDOMAIN"
	refuses := ask("example.com", "A", "")
	refuses.Rcode = "REFUSED"
	c.awaitUp(server, ask("www.example.org", "A", ""), server4, 53)
	for _, tt := range []struct {
		name string
		spec Spec
		ok   bool
		want string
	}{
		{"A", ask("www.example.org", "A", "192.0.2.80"), true, "NOERROR, 192.0.2.80"},
		{"AAAA", ask("WWW.example.org.", "AAAA", "2001:db8::80"), true, "NOERROR"},
		{"CNAME on the way", ask("web.example.org", "A", "192.0.2.80"), true, "NOERROR"},
		{"MX", ask("example.org", "MX", "10 mail.example.org"), true, "NOERROR"},
		{"SRV", ask("_sip._tcp.example.org", "SRV", "1 2 5060 sip.example.org"), true, "NOERROR"},
		{"PTR", ask("80.2.0.192.in-addr.arpa", "PTR", "www.example.org"), true, "NOERROR"},
		{"over TCP", ask("long.example.org", "TXT", long(1400)), true, "NOERROR"},
		{"wrong answer", ask("www.example.org", "A", "192.0.2.81"), false, "www.example.org is 192.0.2.80, expected 192.0.2.81"},
		{"NXDOMAIN", ask("none.example.org", "A", ""), false, "NXDOMAIN for none.example.org A, expected NOERROR"},
		{"NXDOMAIN, expected", nothing, true, "NXDOMAIN"},
		{"REFUSED, expected", refuses, true, "REFUSED"},
	} {
		c.expect(tt.name, tt.spec, server4, 53, tt.ok, tt.want)
		c.expect(tt.name+", IPv6", tt.spec, server6, 53, tt.ok, tt.want)
	}
	www := ask("www.example.org", "A", "")
	datagram := spec("udp")
	// A query for the root's name servers, and the number with which its answer
	// begins.
	datagram.Send, datagram.Expect = `\x12\x34\x01\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01`, `\x12\x34`
	mute := spec("udp")
	c.expect("udp", datagram, server4, 53, true, "answer as expected")
	c.expect("refused", www, server4, 54, false, "connection refused")
	c.expect("refused, udp", mute, server4, 54, false, "connection refused")
	c.expect("refused, udp, IPv6", mute, server6, 54, false, "connection refused")
	c.frozen(server, func() {
		c.expect("frozen", short(www), server4, 53, false, "no answer within")
		c.expect("frozen, udp", short(datagram), server4, 53, false, "no answer within")
		c.expect("frozen, udp without an answer", short(mute), server4, 53, true, "no answer and no error")
	})
	c.gone(func() {
		c.expect("no address", short(www), server4, 53, false, "no answer within")
		c.expect("no address, ARP given up", patient(www), server4, 53, false, "no route to host")
		c.expect("no address, udp without an answer, ARP given up", patient(mute), server4, 53, false, "no route to host")
		c.expect("no address, IPv6, neighbour given up", patient(mute), server6, 53, false, "no route to host")
	})
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	c.expect("killed", www, server4, 53, false, "connection refused")
}

// long is a text of that many bytes.
func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}

// TestLANTCP: tcp against iperf3, whose kernel goes on connecting for it.
func TestLANTCP(t *testing.T) {
	c := newCluster(t)
	server := c.start("iperf3", "iperf3", "-s", "--forceflush")
	talk := short(spec("tcp"))
	talk.Expect = "x"
	// It stops listening for a moment after each connection, and says so.
	listening := func(mark int) {
		if _, err := server.WaitOutputAfter(t.Context(), mark, "Server listening"); err != nil {
			t.Fatal(err)
		}
	}
	listening(0)
	for _, addr := range []netip.Addr{server4, server6} {
		mark := server.Mark()
		c.expect("up", spec("tcp"), addr, 5201, true, "connected")
		listening(mark)
	}
	c.expect("refused", spec("tcp"), server4, 5202, false, "connection refused")
	c.frozen(server, func() {
		c.expect("frozen", short(spec("tcp")), server4, 5201, true, "connected")
		c.expect("frozen, an answer is expected", talk, server4, 5201, false, "no answer within")
	})
	c.gone(func() {
		c.expect("no address", short(spec("tcp")), server4, 5201, false, "no answer within")
		c.expect("no address, ARP given up", patient(spec("tcp")), server4, 5201, false, "no route to host")
	})
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	c.expect("killed", spec("tcp"), server4, 5201, false, "connection refused")
}
