package healthcheck

import (
	"context"
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
	// bodyLimit is how much of a body is matched, headerLimit how long a
	// header may be: a probe must not be a way to fill the director's memory.
	bodyLimit   = 64 << 10
	headerLimit = 64 << 10
)

// httpCheck sends one HTTP/1.1 GET on a connection of its own (RFC 9112). It
// follows no redirect: the status decides.
type httpCheck struct {
	transport *http.Transport
	url       *url.URL
	host      string
	accepted  statusSet
	list      string         // accepted, as configured
	body      *regexp.Regexp // nil: any
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

func newHTTP(s Spec, t Target, dial DialFunc) (Checker, error) {
	u, err := requestTarget(s.Path)
	if err != nil {
		return nil, fmt.Errorf("check of %s: path: %w", t.Addr, err)
	}
	u.Host = netip.AddrPortFrom(t.Addr, t.Port).String()
	accepted, err := parseStatus(s.Status)
	if err != nil {
		return nil, fmt.Errorf("check of %s: status: %w", t.Addr, err)
	}
	c := &httpCheck{url: u, host: s.Host, accepted: accepted, list: s.Status}
	if c.host == "" {
		c.host = hostHeader(t)
	}
	if s.Body != "" {
		if c.body, err = regexp.Compile(s.Body); err != nil {
			return nil, fmt.Errorf("check of %s: body: %w", t.Addr, err)
		}
	}
	c.transport = &http.Transport{
		DialContext:            dial,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: headerLimit,
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

// ask sends the request and judges the answer. It goes to the transport, not
// through a client, which would follow redirects.
func (c *httpCheck) ask(ctx context.Context) (string, error) {
	// The transport's goroutines end with the request's context.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req := &http.Request{
		Method: http.MethodGet, URL: c.url, Host: c.host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {userAgent}, "Accept": {"*/*"}},
	}
	resp, err := c.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
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

func (c *httpCheck) String() string { return c.url.String() }
