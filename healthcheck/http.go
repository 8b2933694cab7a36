package healthcheck

import (
	"context"
	"fmt"
	"io"
	"net"
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

// MaxRedirects is the most that Spec.Redirects may be.
const MaxRedirects = 20

// httpCheck sends one HTTP request (RFC 9110), and more if the server says that
// what was asked for is elsewhere on it.
type httpCheck struct {
	dial     DialFunc
	address  string
	security *security // nil: without TLS
	only2    bool      // HTTP/2 without asking
	request  *http.Request
	redirect int            // how many redirects are followed
	accepted statusSet      // final codes that are a success
	list     string         // accepted, as configured
	body     *regexp.Regexp // nil: any
	kept     *keptSession   // nil: each request has a connection of its own
}

func newHTTP(s Spec, t Target, way Way) (question, error) {
	u, err := requestTarget(s.Path)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	accepted, err := parseStatus(s.Status)
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	header, err := parseHeaders(s.Headers)
	if err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	c := &httpCheck{
		dial: way.dialer(), address: t.endpoint(), redirect: s.Redirects,
		accepted: accepted, list: s.Status, only2: s.Version == "2",
	}
	if s.Body != "" {
		if c.body, err = regexp.Compile(s.Body); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
	if s.Kind == "https" {
		if c.security, err = newSecurity(s, hostName(s.Host), protocols(s.Version)...); err != nil {
			return nil, err
		}
	}
	if s.Reuse {
		c.kept = &keptSession{}
	}
	u.Scheme, u.Host = s.Kind, s.Host
	if u.Host == "" {
		u.Host = hostHeader(netip.AddrPortFrom(t.Addr, t.Port), s.Kind)
	}
	c.request = &http.Request{
		Method: s.Method, URL: u, Host: u.Host, Close: !s.Reuse, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	return c, nil
}

// protocols are what a version offers in TLS (RFC 7301).
func protocols(version string) []string {
	switch version {
	case "2":
		return []string{"h2"}
	case "1.1":
		return []string{"http/1.1"}
	}
	return []string{"h2", "http/1.1"}
}

// hostHeader is the authority that a browser would send: no port where it is
// the scheme's, and no zone, which means nothing to the server.
func hostHeader(a netip.AddrPort, scheme string) string {
	addr := a.Addr().WithZone("")
	if a.Port() != schemePorts[scheme] {
		return netip.AddrPortFrom(addr, a.Port()).String()
	}
	if addr.Is6() {
		return "[" + addr.String() + "]"
	}
	return addr.String()
}

var schemePorts = map[string]uint16{"http": 80, "https": 443}

// hostName is a Host header without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// ask sends the request, follows redirects, and judges the last answer.
func (c *httpCheck) ask(ctx context.Context) (Result, error) {
	request := c.request
	for hop := 0; ; hop++ {
		result, next, err := c.exchange(ctx, request, hop)
		if next == nil || err != nil {
			return result, err
		}
		request = c.to(next)
	}
}

// exchange sends one request. next is where the answer points to, if it is a
// redirect that is to be followed.
func (c *httpCheck) exchange(ctx context.Context, request *http.Request, hop int) (r Result, next *url.URL, err error) {
	s, resp, err := c.answer(ctx, request)
	if err != nil {
		return Result{}, nil, err
	}
	whole := false
	defer func() { c.leave(s, whole && !resp.Close) }()
	if next = c.follow(request.URL, resp); next != nil {
		if hop >= c.redirect {
			return Result{}, nil, fmt.Errorf("more than %d redirects, the last to %s", c.redirect, next)
		}
		whole = c.kept != nil && drain(resp.Body)
		return Result{}, next, nil
	}
	if r.Message, err = c.judge(resp); err != nil {
		return r, nil, err
	}
	if s.tls != nil {
		r.Warning = c.security.warning(*s.tls, time.Now())
	}
	r.hear(resp.Header)
	whole = c.kept != nil && drain(resp.Body)
	return r, nil, nil
}

// drain reads the rest of a body, so that the connection can be used again, and
// reports whether it came to the end.
func drain(body io.Reader) bool {
	n, err := io.Copy(io.Discard, io.LimitReader(body, bodyLimit))
	return err == nil && n < bodyLimit
}

// judge compares the answer with what is expected. It leaves the body open:
// closing it would read it to its end, and the connection goes anyway.
func (c *httpCheck) judge(resp *http.Response) (string, error) {
	text := fmt.Sprintf("HTTP %d", resp.StatusCode)
	if !c.accepted.has(resp.StatusCode) {
		return "", fmt.Errorf("%s, expected %s", text, c.list)
	}
	if c.body == nil {
		return text, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit))
	if err != nil {
		return "", fmt.Errorf("%s, body: %w", text, err)
	}
	if !c.body.Match(body) {
		return "", fmt.Errorf("%s, body does not match %q", text, c.body)
	}
	return text + ", body matches", nil
}

func (c *httpCheck) String() string {
	return c.request.URL.Scheme + "://" + c.address + c.request.URL.RequestURI()
}
