package healthcheck

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// mailServer plays a mail server by a script: what it says first, and what it
// answers to each command. An empty answer is none; "close" ends the connection.
func mailServer(greeting string, answers map[string]string, cert *tls.Certificate) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, greeting)
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			verb, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
			answer := answers[verb]
			if answer == "close" {
				return
			}
			io.WriteString(c, answer)
			if verb == "STARTTLS" && strings.HasPrefix(answer, "220") && cert != nil {
				s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*cert}})
				if s.Handshake() != nil {
					return
				}
				c, in = s, bufio.NewReader(s)
			}
		}
	}
}

func TestSMTP(t *testing.T) {
	a := newSigner(t)
	cert := a.issue(t, "mail.example.org", aYear())
	soon := a.issue(t, "mail.example.org", time.Now().Add(time.Hour))
	answers := func(change ...string) map[string]string {
		m := map[string]string{
			"EHLO": "250-mail.example.org\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "HELO": "250 mail.example.org\r\n",
			"STARTTLS": "220 go ahead\r\n", "QUIT": "221 bye\r\n",
		}
		for i := 0; i < len(change); i += 2 {
			m[change[i]] = change[i+1]
		}
		return m
	}
	const hi = "220 mail.example.org ESMTP\r\n"
	plain := spec("smtp")
	plain.Timeout = 500 * time.Millisecond
	secure := plain
	secure.StartTLS, secure.ServerName, secure.CA = true, "mail.example.org", a.file
	for _, tt := range []struct {
		name  string
		spec  Spec
		serve func(net.Conn)
		ok    bool
		want  string
	}{
		{"up", plain, mailServer(hi, answers(), nil), true, "220 mail.example.org ESMTP"},
		{"long greeting", plain, mailServer("220-wait\r\n"+hi, answers(), nil), true, "220 mail.example.org"},
		{"knows HELO only", plain, mailServer(hi, answers("EHLO", "502 what?\r\n"), nil), true, "220 mail"},
		{"code without text", plain, mailServer("220\r\n", answers("QUIT", "221\n"), nil), true, "220"},
		{"STARTTLS", secure, mailServer(hi, answers(), &cert), true, "220 mail"},
		{"greets with 421", plain, mailServer("421 busy\r\n", answers(), nil), false, "the greeting: 421 busy"},
		{"refuses EHLO", plain, mailServer(hi, answers("EHLO", "550 who are you?\r\n"), nil), false, "550 who are you?"},
		{"refuses EHLO and HELO", plain, mailServer(hi, answers("EHLO", "500 no\r\n", "HELO", "500 no\r\n"), nil), false, "HELO "},
		{"refuses QUIT", plain, mailServer(hi, answers("QUIT", "500 stay\r\n"), nil), false, "QUIT: 500 stay"},
		{"closes at QUIT", plain, mailServer(hi, answers("QUIT", "close"), nil), false, "QUIT: connection closed"},
		{"refuses STARTTLS", secure, mailServer(hi, answers("STARTTLS", "454 not now\r\n"), &cert), false, "STARTTLS: 454 not now"},
		{"slips in a command", secure, mailServer(hi, answers("STARTTLS", "220 go ahead\r\n250 ok\r\n"), nil), false, "without TLS"},
		{"no TLS after STARTTLS", secure, mailServer(hi, answers(), nil), false, "STARTTLS: no answer"},
		{"another authority", secure, mailServer(hi, answers(), ptr(newSigner(t).issue(t, "mail.example.org", aYear()))), false, "STARTTLS: tls: failed to verify"},
		{"speaks HTTP", plain, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); hold(c) }, false, "not a reply of SMTP"},
		{"codes that differ", plain, mailServer("220-a\r\n250 b\r\n", answers(), nil), false, "not a reply of SMTP"},
		{"endless reply", plain, func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "220-more\r\n"); err != nil {
					return
				}
			}
		}, false, "more than 100 lines"},
		{"endless line", plain, func(c net.Conn) {
			for {
				if _, err := c.Write(make([]byte, 1<<12)); err != nil {
					return
				}
			}
		}, false, "the greeting: "},
		{"accepts, never answers", plain, hold, false, "no answer within"},
		{"silent after the greeting", plain, mailServer(hi, nil, nil), false, "EHLO"},
		{"closes at once", plain, func(net.Conn) {}, false, "the greeting: connection closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := check(t, tt.spec, listen(t, tt.serve))
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) || r.Warning != "" {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
	if r := check(t, plain, refused(t)); r.OK || r.Message != "connect: connection refused" {
		t.Errorf("refused: %+v", r)
	}
	if r := check(t, secure, listen(t, mailServer(hi, answers(), &soon))); !r.OK || r.Warning == "" {
		t.Errorf("certificate that ends soon: %+v", r)
	}
}

func ptr[T any](v T) *T { return &v }

// TestSMTPTranscript: what a mail server sees.
func TestSMTPTranscript(t *testing.T) {
	lines := make(chan string, 3)
	s := spec("smtp")
	s.Helo = "director.example.org"
	r := check(t, s, listen(t, func(c net.Conn) {
		io.WriteString(c, "220 hi\r\n")
		in := bufio.NewReader(c)
		for _, reply := range []string{"250 hello\r\n", "221 bye\r\n"} {
			line, _ := in.ReadString('\n')
			lines <- line
			io.WriteString(c, reply)
		}
		rest, _ := io.ReadAll(in)
		lines <- string(rest)
	}))
	if got := []string{<-lines, <-lines, <-lines}; !r.OK || !slices.Equal(got, []string{"EHLO director.example.org\r\n", "QUIT\r\n", ""}) {
		t.Errorf("%+v, said %q", r, got)
	}
}

func TestSMTPValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*Spec)
		fields []string
	}{
		{func(s *Spec) { s.Helo = "two words" }, []string{"helo"}},
		{func(s *Spec) { s.Helo = "[192.0.2.1]" }, nil},
		{func(s *Spec) { s.StartTLS = true }, []string{"server_name"}},
		{func(s *Spec) { s.StartTLS, s.Insecure = true, true }, nil},
		{func(s *Spec) { s.ServerName, s.Insecure = "x", true }, []string{"server_name", "insecure"}},
	} {
		s := spec("smtp")
		tt.change(&s)
		var got []string
		for _, e := range s.Validate() {
			got = append(got, e.Field)
		}
		if !slices.Equal(got, tt.fields) {
			t.Errorf("%+v: %v, want %v", s, got, tt.fields)
		}
	}
}

// FuzzSMTPReply: a reply is believed only if each of its lines has the same
// code, and none but the last says that there is more.
func FuzzSMTPReply(f *testing.F) {
	for _, s := range []string{"220 hi\r\n", "250-a\r\n250 b\r\n", "250-a\r\n251 b\r\n", "220\n", "2200\r\n", "HTTP/1.1 200 OK\r\n", "+20 x\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		code, last, err := readReply(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		for _, line := range strings.SplitAfter(text, "\n") {
			line = strings.TrimRight(line, "\r\n")
			if len(line) < 3 || strings.Trim(line[:3], "0123456789") != "" || code < 200 || code > 599 {
				t.Fatalf("%q is taken for a reply of code %d", text, code)
			}
			if line[:3] != last[:3] {
				t.Fatalf("%q has two codes", text)
			}
			if len(line) == 3 || line[3] == ' ' {
				if line != last {
					t.Fatalf("%q ends with %q, not with %q", text, line, last)
				}
				return
			}
		}
		t.Fatalf("%q has no last line", text)
	})
}
