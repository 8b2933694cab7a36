package healthcheck

import (
	"net/http"
	"net/url"
	"strings"
)

// follow returns where an answer points to, if the check follows redirects and
// that is on the same server: same scheme, host and port as what was asked. A
// check says something about one real server, so one that points elsewhere is
// not followed; its own status decides.
func (c *httpCheck) follow(from *url.URL, resp *http.Response) *url.URL {
	if c.redirect == 0 {
		return nil
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil
	}
	to, err := from.Parse(location)
	if err != nil || to.Scheme != from.Scheme || !strings.EqualFold(authority(to), authority(from)) {
		return nil
	}
	to.Fragment, to.User = "", nil
	return to
}

// authority is a URL's host with its port, also where that is the scheme's.
func authority(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
}

// to is the check's request for another place on the server.
func (c *httpCheck) to(u *url.URL) *http.Request {
	r := *c.request
	target := *u
	target.Host = r.URL.Host
	r.URL = &target
	return &r
}
