package healthcheck

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// methods are those without a body that are safe to repeat (RFC 9110, 9.2.1).
var methods = []string{http.MethodGet, http.MethodHead, http.MethodOptions}

func validateHTTP(s *Spec) []FieldError {
	var errs []FieldError
	fail := func(field, message, remedy string) { errs = append(errs, FieldError{field, message, remedy}) }
	if s.Method != "" && !slices.Contains(methods, s.Method) {
		fail("method", fmt.Sprintf("%q is not a method that a check can use", s.Method), "one of "+strings.Join(methods, ", "))
	}
	if _, err := requestTarget(s.Path); err != nil {
		fail("path", err.Error(), "an absolute path such as /healthz?full=1")
	}
	if strings.ContainsFunc(s.Host, notInHost) {
		fail("host", fmt.Sprintf("%q is not a host", s.Host), "a name such as www.example.org, or name:port")
	}
	if _, err := parseHeaders(s.Headers); err != nil {
		fail("headers", err.Error(), "names and values, such as {Authorization: Basic dXNlcjpwYXNz}")
	}
	if s.Status != "" {
		if _, err := parseStatus(s.Status); err != nil {
			fail("status", err.Error(), "codes from 100 to 599, such as 200-399 or 200,301-302")
		}
	}
	if _, err := regexp.Compile(s.Body); err != nil {
		fail("body", err.Error(), "a regular expression in RE2's syntax")
	}
	if s.Body != "" && s.Method == http.MethodHead {
		fail("body", "is never in an answer to HEAD", "remove it, or method GET")
	}
	if s.Redirects < 0 || s.Redirects > MaxRedirects {
		fail("redirects", fmt.Sprintf("%d is out of range", s.Redirects), fmt.Sprintf("0 to %d", MaxRedirects))
	}
	if s.Version != "" && !slices.Contains(versions, s.Version) {
		fail("version", fmt.Sprintf("%q is not a version of HTTP that a check can use", s.Version), "one of "+strings.Join(versions, ", "))
	}
	return errs
}

// versions are the values of Spec.Version.
var versions = []string{DefaultVersion, "1.1", "2"}

func validateHTTPS(s *Spec) []FieldError {
	return append(validateHTTP(s), validateCertificate(s, hostName(s.Host))...)
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

// ownHeaders are fields that the check itself sets, or that would make the
// request another one.
var ownHeaders = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Te", "Trailer", "Keep-Alive"}

// parseHeaders reads a line "Name: value" each (RFC 9110, 5.5). User-Agent and
// Accept are there unless they are given.
func parseHeaders(lines string) (http.Header, error) {
	h := http.Header{"User-Agent": {userAgent}, "Accept": {"*/*"}}
	given := http.Header{}
	for line := range strings.Lines(lines) {
		name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		key := http.CanonicalHeaderKey(name)
		value = strings.Trim(value, " \t")
		switch {
		case !found || !isToken(name):
			return nil, fmt.Errorf("%q is not the name of a header field", name)
		case slices.Contains(ownHeaders, key):
			return nil, fmt.Errorf("%s is set by the check itself", key)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return nil, fmt.Errorf("the value of %s has a character that a header field cannot have", key)
		}
		given.Add(key, value)
	}
	for key, values := range given {
		h[key] = values
	}
	return h, nil
}

// isToken reports whether s is a token (RFC 9110, 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
