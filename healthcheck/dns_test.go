package healthcheck

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// zone answers a query as a name server does.
type zone struct {
	rcode     dnsmessage.RCode
	records   []dnsmessage.Resource
	truncated bool // over UDP
	change    func(m *dnsmessage.Message)
}

func (z *zone) answer(query []byte, tcp bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil {
		return nil
	}
	m.Response, m.RCode, m.Truncated = true, z.rcode, z.truncated && !tcp
	if !m.Truncated {
		m.Answers = z.records
	}
	if z.change != nil {
		z.change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		return []byte(err.Error())
	}
	return b
}

// serve starts the server on a port of UDP and of TCP.
func (z *zone) serve(t *testing.T) Target {
	t.Helper()
	target := listen(t, func(c net.Conn) {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		b := z.answer(query, true)
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	})
	c, err := net.ListenPacket("udp", target.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(z.answer(b[:n], false), from)
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return target
}

func resource(t testing.TB, name string, body dnsmessage.ResourceBody) dnsmessage.Resource {
	t.Helper()
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: 60}, Body: body}
}

func TestDNS(t *testing.T) {
	with := func(kind, answer string) Spec {
		s := spec("dns")
		s.Name, s.Type, s.Answer, s.Timeout = "www.example.org", kind, answer, 500*time.Millisecond
		return s
	}
	rcode := func(code string) Spec {
		s := with("", "")
		s.Rcode = code
		return s
	}
	const www = "www.example.org."
	name := dnsmessage.MustNewName
	a := []dnsmessage.Resource{
		resource(t, www, &dnsmessage.CNAMEResource{CNAME: name("Web.example.org.")}),
		resource(t, "web.example.org.", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}),
		resource(t, "web.example.org.", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 2}}),
		resource(t, "web.example.org.", &dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 1, 0xd, 0xb8, 15: 1}}),
	}
	other := []dnsmessage.Resource{
		resource(t, www, &dnsmessage.SOAResource{NS: name("ns.example.org."), MBox: name("admin.example.org.")}),
		resource(t, www, &dnsmessage.NSResource{NS: name("ns.example.org.")}),
		resource(t, www, &dnsmessage.PTRResource{PTR: name("ptr.example.org.")}),
		resource(t, www, &dnsmessage.MXResource{Pref: 10, MX: name("mail.example.org.")}),
		resource(t, www, &dnsmessage.SRVResource{Priority: 1, Weight: 2, Port: 443, Target: name("web.example.org.")}),
		resource(t, www, &dnsmessage.TXTResource{TXT: []string{"v=spf1 ", "-all"}}),
		resource(t, www, &dnsmessage.UnknownResource{Type: 65, Data: []byte{1}}),
	}
	many := slices.Repeat(a[1:2], 4000)
	for _, tt := range []struct {
		name string
		spec Spec
		zone zone
		ok   bool
		want string
	}{
		{"up", with("", ""), zone{}, true, "NOERROR"},
		{"A", with("a", "192.0.2.2"), zone{records: a}, true, "NOERROR, 192.0.2.2"},
		{"AAAA", with("AAAA", "2001:DB8:0::1"), zone{records: a}, true, "NOERROR"},
		{"CNAME", with("CNAME", "WEB.example.org."), zone{records: a}, true, "NOERROR"},
		{"SOA", with("", "ns.example.org"), zone{records: other}, true, "NOERROR"},
		{"NS", with("NS", "ns.example.org"), zone{records: other}, true, "NOERROR"},
		{"PTR", with("PTR", "ptr.example.org"), zone{records: other}, true, "NOERROR"},
		{"MX", with("MX", "10  mail.example.org."), zone{records: other}, true, "NOERROR"},
		{"SRV", with("SRV", "1 2 443 web.example.org"), zone{records: other}, true, "NOERROR"},
		{"TXT", with("TXT", "v=spf1 -all"), zone{records: other}, true, "NOERROR"},
		{"truncated", with("A", "192.0.2.1"), zone{records: many, truncated: true}, true, "NOERROR"},
		{"wrong answer", with("A", "192.0.2.3"), zone{records: a}, false, "www.example.org is 192.0.2.1, 192.0.2.2, expected 192.0.2.3"},
		{"no answer", with("A", "192.0.2.3"), zone{}, false, "no A record for www.example.org"},
		{"SERVFAIL", with("", ""), zone{rcode: dnsmessage.RCodeServerFailure}, false, "SERVFAIL for www.example.org SOA, expected NOERROR"},
		{"NXDOMAIN as expected", rcode("nxdomain"), zone{rcode: dnsmessage.RCodeNameError}, true, "NXDOMAIN"},
		{"NOERROR unexpected", rcode("REFUSED"), zone{}, false, "NOERROR for www.example.org SOA, expected REFUSED"},
		{"an odd code", with("", ""), zone{rcode: 11}, false, "RCODE11"},
		{"another's number", with("", ""), zone{change: func(m *dnsmessage.Message) { m.ID++ }}, false, "no answer to the question"},
		{"another question", with("", ""), zone{change: func(m *dnsmessage.Message) { m.Questions[0].Name = name("example.com.") }}, false, "no answer to the question"},
		{"a question", with("", ""), zone{change: func(m *dnsmessage.Message) { m.Response = false }}, false, "no answer to the question"},
		{"no question", with("", ""), zone{change: func(m *dnsmessage.Message) { m.Questions = nil }}, false, "no answer to the question"},
		{"FORMERR without the question", with("", ""), zone{rcode: dnsmessage.RCodeFormatError, change: func(m *dnsmessage.Message) { m.Questions = nil }}, false, "FORMERR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := check(t, tt.spec, tt.zone.serve(t))
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
	short := with("", "")
	short.Timeout = 50 * time.Millisecond
	for _, tt := range []struct {
		name   string
		target Target
		want   string
	}{
		{"silence", listenUDP(t, func([]byte, func(string)) {}), "no answer within"},
		{"refused", refusedUDP(t), "connection refused"},
		{"garbage", listenUDP(t, func(_ []byte, send func(string)) { send("garbage") }), "no answer to the question"},
		{"truncated, no TCP", listenUDP(t, func(b []byte, send func(string)) { send(string((&zone{truncated: true}).answer(b, false))) }), "truncated, and over TCP: "},
	} {
		if r := check(t, short, tt.target); r.OK || !strings.Contains(r.Message, tt.want) {
			t.Errorf("%s: got %+v, want %q", tt.name, r, tt.want)
		}
	}
}

func TestDNSValidate(t *testing.T) {
	for _, tt := range []struct{ name, kind, rcode, answer, field string }{
		{"", "", "", "", "name"},
		{"a b", "", "", "", "name"},
		{"a..b", "", "", "", "name"},
		{strings.Repeat("a", 64) + ".org", "", "", "", "name"},
		{strings.Repeat("a.", 127) + "org", "", "", "", "name"},
		{"example.org", "ANY", "", "", "type"},
		{"example.org", "", "OK", "", "rcode"},
		{"example.org", "A", "", "2001:db8::1", "answer"},
		{"example.org", "AAAA", "", "192.0.2.1", "answer"},
		{"example.org", "MX", "", "mail.example.org", "answer"},
		{"example.org", "MX", "", "high mail.example.org", "answer"},
		{"example.org", "SRV", "", "1 2 web.example.org", "answer"},
		{"example.org", "", "", "192.0.2.1 x", "answer"},
		{"example.org", "A", "NXDOMAIN", "192.0.2.1", "answer"},
		{".", "", "", "", ""},
		{"example.org.", "mx", "noerror", "10 mail.example.org", ""},
		{"_sip._tcp.example.org", "SRV", "", "1 2 5060 .", ""},
		{"example.org", "TXT", "", "anything \\ at all", ""},
	} {
		s := spec("dns")
		s.Name, s.Type, s.Rcode, s.Answer = tt.name, tt.kind, tt.rcode, tt.answer
		errs := s.Validate()
		if tt.field == "" && errs != nil || tt.field != "" && (len(errs) != 1 || errs[0].Field != tt.field || errs[0].Remedy == "") {
			t.Errorf("%+v: got %v", tt, errs)
		}
	}
}

// FuzzDNSAnswer: no message that is not an answer to the question is taken for
// one, and none panics.
func FuzzDNSAnswer(f *testing.F) {
	asked := dnsmessage.Question{Name: dnsmessage.MustNewName("www.example.org."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	query, err := (&dnsCheck{asked: asked}).query(7)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(query)
	f.Add((&zone{}).answer(query, false))
	f.Add((&zone{truncated: true}).answer(query, false))
	f.Add((&zone{rcode: dnsmessage.RCodeNameError}).answer(query, false))
	f.Add((&zone{records: []dnsmessage.Resource{resource(f, "www.example.org.", &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}})}}).answer(query, false))
	f.Fuzz(func(t *testing.T, message []byte) {
		answer, err := parseDNS(message, 7, asked)
		if err != nil {
			return
		}
		var p dnsmessage.Parser
		h, err := p.Start(message)
		if err != nil || !h.Response || h.ID != 7 || answer.rcode != h.RCode {
			t.Fatalf("%x is taken for an answer: %+v", message, answer)
		}
		for _, data := range answer.data {
			if wrongAnswer("A", data) != "" {
				t.Fatalf("%x: data %q", message, data)
			}
		}
	})
}
