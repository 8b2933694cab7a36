package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
)

// maxRemoteResponse is more than the status of 10,000 real servers. What answers
// at a TCP address may be anything.
const maxRemoteResponse = 32 << 20

// NewClientAt returns a client of the director at an address: unix:/PATH for its
// socket, http://HOST:PORT for admin.listen, where only Status is answered, or
// https:// for what stands before that. Nothing is opened before the first
// request. The error says what an address is.
func NewClientAt(address string) (*Client, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("%s: the path of a socket begins with /, as in unix:/run/director/director.sock", address)
		}
		return NewClient(path), nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: an address is unix:/PATH or http://HOST:PORT", address)
	}
	if u.Hostname() == "" || u.Port() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s: a host and a port are needed and nothing else, as in http://192.0.2.2:9480", address)
	}
	return newRemoteClient(u.Scheme + "://" + u.Host), nil
}

// newRemoteClient asks directly, whatever proxy the environment names, and
// follows nobody elsewhere.
func newRemoteClient(base string) *Client {
	return &Client{
		where: base, base: base, explain: explainRemote, limit: maxRemoteResponse, patience: statusTimeout,
		http: &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// explainRemote is explain for a TCP address.
func explainRemote(err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return remedy{syscall.ECONNREFUSED, "nobody listens there: is `director run` running, with that address as admin.listen?"}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return remedy{err, "no way there: is the network up, and the address right?"}
	case errors.Is(err, context.DeadlineExceeded):
		return remedy{context.DeadlineExceeded, "it did not answer in time: is that host up, and does a firewall let this one ask?"}
	}
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		return fmt.Errorf("%w: write its address", dns)
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}
