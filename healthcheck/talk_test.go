package healthcheck

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestTCPTalk(t *testing.T) {
	with := func(send, expect string) Spec {
		s := spec("tcp")
		s.Send, s.Expect = send, expect
		return s
	}
	short := func(send, expect string) Spec {
		s := with(send, expect)
		s.Timeout = 50 * time.Millisecond
		return s
	}
	redis := func(c net.Conn) {
		b := make([]byte, 6)
		if _, err := io.ReadFull(c, b); err == nil && string(b) == "PING\r\n" {
			io.WriteString(c, "+PO")
			io.WriteString(c, "NG\r\n")
		}
		hold(c)
	}
	flood := func(c net.Conn) {
		for {
			if _, err := c.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
	for _, tt := range []struct {
		name   string
		spec   Spec
		target Target
		ok     bool
		want   string
	}{
		{"up", with(`PING\r\n`, `+PONG\r\n`), listen(t, redis), true, "answer as expected"},
		{"in pieces", with(`PING\r\n`, `PON`), listen(t, redis), true, "answer as expected"},
		{"greeting", with("", "SSH-2.0-"), listen(t, func(c net.Conn) { io.WriteString(c, "SSH-2.0-x\r\n"); hold(c) }), true, "answer as expected"},
		{"only sent", with("QUIT", ""), listen(t, hold), true, "connected"},
		{"binary", with(`\x00\xff`, `\xfe\0`), listen(t, func(c net.Conn) { io.WriteString(c, "a\xfe\x00b"); hold(c) }), true, "answer as expected"},
		{"wrong answer, then closed", with("", "SSH"), listen(t, func(c net.Conn) { io.WriteString(c, "220 mail\r\n") }), false, `answer "220 mail\r\n" does not contain "SSH"`},
		{"wrong answer, then silence", short("", "SSH"), listen(t, func(c net.Conn) { io.WriteString(c, "220 mail\r\n"); hold(c) }), false, "no answer within"},
		{"too much", with("", "SSH"), listen(t, flood), false, `"SSH" is not in the first 65536 bytes`},
		{"closes at once", with("", "x"), listen(t, func(net.Conn) {}), false, "connection closed"},
		{"accepts, never answers", short("x", "y"), listen(t, hold), false, "no answer within"},
		{"refused", with("x", "y"), refused(t), false, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, tt.spec, tt.target)
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
}

// TestHeard: where the answer is cut makes no difference.
func TestHeard(t *testing.T) {
	text := strings.Repeat("a", answerLimit-3) + "bcd"
	for _, tt := range []struct {
		text, expect string
		ok           bool
	}{
		{text, "abcd", true},
		{text, "bcd", true},
		{text + "e", "de", false},
		{text, "e", false},
		{"x", "x", true},
		{"x", "xx", false},
	} {
		for name, in := range map[string]io.Reader{
			"whole": strings.NewReader(tt.text),
			"bytes": iotest.OneByteReader(strings.NewReader(tt.text)),
			"eof":   iotest.DataErrReader(strings.NewReader(tt.text)),
		} {
			if err := (talk{expect: []byte(tt.expect)}).heard(in); (err == nil) != tt.ok {
				t.Errorf("%s, %d bytes, %q: %v", name, len(tt.text), tt.expect, err)
			}
		}
	}
}

func TestUnescape(t *testing.T) {
	for text, want := range map[string]string{
		"":              "",
		"plain ünïcode": "plain ünïcode",
		`a\r\n\t\0\\b`:  "a\r\n\t\x00\\b",
		`\x00\xfF\x7e`:  "\x00\xff~",
		`\a\b\f\v\'\"`:  "\a\b\f\v'\"",
		"real\r\n":      "real\r\n",
	} {
		if got, err := unescape(text); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, bad := range []string{`\`, `a\`, `\q`, `\x`, `\x1`, `\xg0`, `\x0g`, `\x-1`, `\xé`, `\u0041`, `\X41`} {
		if got, err := unescape(bad); err == nil {
			t.Errorf("%q is %q", bad, got)
		}
	}
}

// FuzzUnescape compares with Go's own reader of such escapes, and makes escapes
// of what came out.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{`PING\r\n`, `\x00\xff`, `\`, `\\\`, "ü\xff", `\0\'`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := unescape(text)
		want, ok := slowUnescape(text)
		if ok != (err == nil) || string(got) != want {
			t.Fatalf("%q: %q, %v; the slow reader says %q, %v", text, got, err, want, ok)
		}
		if err != nil {
			return
		}
		var back strings.Builder
		for _, b := range got {
			fmt.Fprintf(&back, `\x%02x`, b)
		}
		if again, err := unescape(back.String()); err != nil || string(again) != string(got) {
			t.Fatalf("%q: back %q, %v", text, again, err)
		}
	})
}

func slowUnescape(text string) (string, bool) {
	out := ""
	for text != "" {
		if text[0] != '\\' {
			out, text = out+text[:1], text[1:]
			continue
		}
		switch {
		case len(text) >= 4 && text[1] == 'x':
			n, err := strconv.ParseUint(text[2:4], 16, 8)
			if err != nil || strings.ContainsAny(text[2:4], "+-_") {
				return "", false
			}
			out, text = out+string([]byte{byte(n)}), text[4:]
		case len(text) >= 2 && strings.ContainsRune(`abfnrtv0\'"`, rune(text[1])):
			c := text[1]
			if c == '0' {
				out, text = out+"\x00", text[2:]
				continue
			}
			if c == '"' || c == '\'' {
				out, text = out+string(c), text[2:]
				continue
			}
			r, _, _, err := strconv.UnquoteChar(text[:2], 0)
			if err != nil {
				return "", false
			}
			out, text = out+string(r), text[2:]
		default:
			return "", false
		}
	}
	return out, true
}

func TestTalkValidate(t *testing.T) {
	for _, kind := range []string{"tcp", "udp"} {
		s := spec(kind)
		s.Send, s.Expect = `\q`, `\`
		errs := s.Validate()
		if len(errs) != 2 || errs[0].Field != "send" || errs[1].Field != "expect" {
			t.Errorf("%s: %v", kind, errs)
		}
		s.Send, s.Expect = "", strings.Repeat("x", answerLimit+1)
		if errs := s.Validate(); len(errs) != 1 || errs[0].Field != "expect" {
			t.Errorf("%s: %v", kind, errs)
		}
	}
}
