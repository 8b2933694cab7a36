package healthcheck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	smtpLines = 100 // of one reply; more is no mail server's

	// Codes of replies (RFC 5321, 4.2.3).
	smtpReady, smtpBye, smtpDone = 220, 221, 250
)

// smtpCheck talks to a mail server as a client that then has no mail (RFC 5321):
// greeting, EHLO (or HELO where that is not known), STARTTLS if asked to (RFC
// 3207), QUIT.
type smtpCheck struct {
	dial     DialFunc
	address  string
	helo     string
	security *security // nil: no STARTTLS
}

func validateSMTP(s *Spec) []FieldError {
	var errs []FieldError
	if s.Helo != "" && !isServerName(strings.Trim(s.Helo, "[]")) {
		errs = append(errs, FieldError{"helo", fmt.Sprintf("%q is not the name of a host", s.Helo), "a name such as director.example.org"})
	}
	if s.StartTLS {
		return append(errs, validateCertificate(s, "")...)
	}
	return append(errs, s.withoutTLS("starttls: on")...)
}

// withoutTLS finds fields of TLS in a check that does without.
func (s *Spec) withoutTLS(remedy string) []FieldError {
	var errs []FieldError
	for _, f := range foreign {
		// An expiry is there by default, and means nothing then.
		if f.key != "expiry" && slices.Contains(tlsKeys, f.key) && f.set(s) {
			errs = append(errs, FieldError{f.key, "means nothing without TLS", "remove it, or " + remedy})
		}
	}
	return errs
}

func newSMTP(s Spec, t Target, way Way) (question, error) {
	c := &smtpCheck{dial: way.dialer(), address: t.endpoint(), helo: s.Helo}
	if c.helo == "" {
		if name, err := os.Hostname(); err == nil && isServerName(name) {
			c.helo = name
		} else {
			c.helo = "localhost"
		}
	}
	if !s.StartTLS {
		return c, nil
	}
	var err error
	c.security, err = newSecurity(s, "")
	return c, err
}

func (c *smtpCheck) ask(ctx context.Context) (r Result, err error) {
	conn, err := connect(ctx, c.dial, "tcp", c.address)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	d := newDialogue(conn)
	greeting, err := d.await("the greeting", smtpReady)
	if err != nil {
		return r, err
	}
	r.Message = oneLine(greeting)
	if err := d.hello(c.helo); err != nil {
		return r, err
	}
	if c.security != nil {
		if d, r.Warning, err = c.startTLS(ctx, d, conn); err != nil {
			return r, err
		}
	}
	return r, d.say("QUIT", smtpBye)
}

// startTLS goes on in TLS, and returns what is to be said of the certificate.
func (c *smtpCheck) startTLS(ctx context.Context, d *dialogue, conn net.Conn) (*dialogue, string, error) {
	if err := d.say("STARTTLS", smtpReady); err != nil {
		return nil, "", err
	}
	// What came with the reply, before TLS, is not the server's word.
	if d.in.Buffered() > 0 {
		return nil, "", errors.New("STARTTLS: the server goes on without TLS")
	}
	secured, err := c.security.secure(ctx, conn)
	if err != nil {
		return nil, "", during("STARTTLS", err)
	}
	d = newDialogue(secured)
	return d, c.security.warning(secured.ConnectionState(), time.Now()), d.say("EHLO "+c.helo, smtpDone)
}

// dialogue is one side's view of SMTP.
type dialogue struct {
	out io.Writer
	in  *bufio.Reader
}

// newDialogue reads no more than answerLimit from a connection.
func newDialogue(conn net.Conn) *dialogue {
	return &dialogue{out: conn, in: bufio.NewReader(io.LimitReader(conn, answerLimit))}
}

// hello says EHLO, and HELO to a server that does not understand.
func (d *dialogue) hello(name string) error {
	err := d.say("EHLO "+name, smtpDone)
	var wrong *wrongReply
	if errors.As(err, &wrong) && (wrong.code == 500 || wrong.code == 502) {
		return d.say("HELO "+name, smtpDone)
	}
	return err
}

// say sends a command and waits for a reply with that code.
func (d *dialogue) say(command string, want int) error {
	if _, err := io.WriteString(d.out, command+"\r\n"); err != nil {
		return during(command, err)
	}
	_, err := d.await(command, want)
	return err
}

// await reads a reply and returns it, if it has that code.
func (d *dialogue) await(what string, want int) (string, error) {
	code, text, err := readReply(d.in)
	if err != nil {
		return "", during(what, err)
	}
	if code != want {
		return "", &wrongReply{what, code, text}
	}
	return text, nil
}

// wrongReply is a reply other than the one that is wanted.
type wrongReply struct {
	what string
	code int
	text string // the code too
}

func (w *wrongReply) Error() string { return w.what + ": " + w.text }

// readReply reads a reply, of one line or several (RFC 5321, 4.2.1), and returns
// its code and its last line.
func readReply(in *bufio.Reader) (code int, text string, err error) {
	for range smtpLines {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, "", err
		}
		text = strings.TrimRight(line, "\r\n")
		n, more, ok := parseReply(text)
		if !ok || code != 0 && n != code {
			return 0, "", fmt.Errorf("%q is not a reply of SMTP", oneLine(text))
		}
		if code = n; !more {
			return code, text, nil
		}
	}
	return 0, "", fmt.Errorf("a reply of more than %d lines", smtpLines)
}

// parseReply takes a line of a reply apart.
func parseReply(line string) (code int, more, ok bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false, false
	}
	n, err := strconv.ParseUint(line[:3], 10, 16)
	if err != nil || n < 200 || n > 599 {
		return 0, false, false
	}
	return int(n), len(line) > 3 && line[3] == '-', true
}

func (c *smtpCheck) String() string { return "smtp://" + c.address }
