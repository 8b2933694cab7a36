package healthcheck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	userAgent = "director-healthcheck"
	// bodyLimit is how much of a body is matched, headerLimit how long the
	// header may be, wireLimit how many bytes a body may take with its chunks'
	// sizes: a probe must not be a way to fill the director's memory.
	bodyLimit   = 64 << 10
	headerLimit = 64 << 10
	wireLimit   = 8 * bodyLimit
)

// httpCheck sends one HTTP/1.1 GET on a connection of its own (RFC 9112). It
// follows no redirect: the status decides. It does without http.Transport,
// whose goroutines and pool are of no use to a single question, and which logs
// by itself when a server speaks first.
type httpCheck struct {
	dial     DialFunc
	address  string
	request  *http.Request
	accepted statusSet
	list     string         // accepted, as configured
	body     *regexp.Regexp // nil: any
}

func validateHTTP(s *Spec) []FieldError {
	var errs []FieldError
	if _, err := requestTarget(s.Path); err != nil {
		errs = append(errs, FieldError{"path", err.Error(), "an absolute path such as /healthz?full=1"})
	}
	if strings.ContainsFunc(s.Host, notInHost) {
		errs = append(errs, FieldError{"host", fmt.Sprintf("%q is not a host", s.Host), "a name such as www.example.org, or name:port"})
	}
	if s.Status != "" {
		if _, err := parseStatus(s.Status); err != nil {
			errs = append(errs, FieldError{"status", err.Error(), "codes from 100 to 599, such as 200-399 or 200,301-302"})
		}
	}
	if _, err := regexp.Compile(s.Body); err != nil {
		errs = append(errs, FieldError{"body", err.Error(), "a regular expression in RE2's syntax"})
	}
	return errs
}

// requestTarget parses an absolute path with an optional query; "" is "/".
func requestTarget(path string) (*url.URL, error) {
	if path == "" {
		path = DefaultPath
	}
	if path[0] != '/' {
		return nil, fmt.Errorf("%q does not start with /", path)
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
		return nil, fmt.Errorf("%q has a character that a request cannot have", path)
	}
	// The scheme and host keep a path of two slashes from being read as a host.
	return url.Parse("http://target" + path)
}

// notInHost reports characters that end or split a Host header field's value
// (RFC 3986, 3.2), for which net/http would send something else than asked for.
func notInHost(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("/?#@\\\"<>", r) }

func newHTTP(s Spec, t Target, way Way) (Checker, error) {
	u, err := requestTarget(s.Path)
	if err != nil {
		return nil, fmt.Errorf("check of %s: path: %w", t.Addr, err)
	}
	accepted, err := parseStatus(s.Status)
	if err != nil {
		return nil, fmt.Errorf("check of %s: status: %w", t.Addr, err)
	}
	c := &httpCheck{
		dial: way.dialer(), address: netip.AddrPortFrom(t.Addr, t.Port).String(),
		accepted: accepted, list: s.Status,
	}
	if s.Body != "" {
		if c.body, err = regexp.Compile(s.Body); err != nil {
			return nil, fmt.Errorf("check of %s: body: %w", t.Addr, err)
		}
	}
	host := s.Host
	if host == "" {
		host = hostHeader(t)
	}
	c.request = &http.Request{
		Method: http.MethodGet, URL: u, Host: host, Close: true,
		Header: http.Header{"User-Agent": {userAgent}, "Accept": {"*/*"}},
	}
	return c, nil
}

// hostHeader is the authority that a browser would send: no port where it is
// the scheme's, and no zone, which means nothing to the server.
func hostHeader(t Target) string {
	addr := t.Addr.WithZone("")
	if t.Port != 80 {
		return netip.AddrPortFrom(addr, t.Port).String()
	}
	if addr.Is6() {
		return "[" + addr.String() + "]"
	}
	return addr.String()
}

func (c *httpCheck) Check(ctx context.Context) Result {
	start := time.Now()
	message, err := c.ask(ctx)
	rtt := time.Since(start)
	if err != nil {
		return Result{Message: describe(err, rtt), RTT: rtt}
	}
	return Result{OK: true, Message: message, RTT: rtt}
}

// ask connects, sends the request and judges the answer.
func (c *httpCheck) ask(ctx context.Context) (string, error) {
	conn, err := c.dial(ctx, "tcp", c.address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// A deadline in the past ends what the connection is waiting for.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := c.request.Write(conn); err != nil {
		return "", err
	}
	in := &io.LimitedReader{R: conn, N: headerLimit}
	resp, err := readFinal(bufio.NewReader(in), c.request)
	if err != nil && in.N <= 0 {
		return "", fmt.Errorf("header longer than %d bytes", headerLimit)
	}
	if err != nil {
		return "", err
	}
	in.N = wireLimit
	return c.judge(resp)
}

// readFinal passes over the informational answers that may come first (RFC
// 9110, 15.2).
func readFinal(in *bufio.Reader, req *http.Request) (*http.Response, error) {
	for range 5 {
		resp, err := http.ReadResponse(in, req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
	return nil, errors.New("too many informational answers")
}

// judge compares the answer with what is expected. It leaves the body open:
// closing it would read it to its end, and the connection goes anyway.
func (c *httpCheck) judge(resp *http.Response) (string, error) {
	if !c.accepted.has(resp.StatusCode) {
		return "", fmt.Errorf("HTTP %d, expected %s", resp.StatusCode, c.list)
	}
	if c.body == nil {
		return fmt.Sprintf("HTTP %d", resp.StatusCode), nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err != nil {
		return "", fmt.Errorf("HTTP %d, body: %w", resp.StatusCode, err)
	}
	if !c.body.Match(body) {
		return "", fmt.Errorf("HTTP %d, body does not match %q", resp.StatusCode, c.body)
	}
	return fmt.Sprintf("HTTP %d, body matches", resp.StatusCode), nil
}

func (c *httpCheck) String() string { return "http://" + c.address + c.request.URL.RequestURI() }
