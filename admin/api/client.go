package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

const (
	// statusTimeout is what a director may take to say how it is; a reload and
	// changes may have to wait for the ones before them.
	statusTimeout = 10 * time.Second
	changeTimeout = time.Minute

	// maxResponse is more than the status of 100,000 real servers.
	maxResponse = 256 << 20
)

// Client asks a running director over its unix socket, or its TCP address. Its
// methods may be called from any goroutine. It holds nothing between two requests.
type Client struct {
	where    string // the socket's path or the URL, for errors
	base     string // of URLs
	explain  func(error) error
	http     *http.Client
	limit    int64         // bytes of an answer
	patience time.Duration // with a stream that brings nothing
}

// NewClient returns a client of the director whose socket is at that path.
// Nothing is opened before the first request.
func NewClient(socket string) *Client {
	return &Client{
		where: socket, base: "http://director", explain: explain, limit: maxResponse, patience: statusTimeout,
		http: &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", socket)
			},
		}},
	}
}

// Status returns the director's state. It waits at most 10 seconds.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	s := new(Status)
	if err := c.do(ctx, http.MethodGet, "/v1/status", http.NoBody, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload makes the director read its configuration file again. A file that it
// refuses is an error that wraps an *Error and changes nothing. It waits at
// most one minute.
func (c *Client) Reload(ctx context.Context) (Reload, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	var r Reload
	err := c.do(ctx, http.MethodPost, "/v1/reload", http.NoBody, &r)
	return r, err
}

// Change makes the changes, in their order. The first that is refused is an
// error that wraps an *Error, which says why and how many were made before it.
// It waits at most one minute: the director answers when it knows the MAC
// addresses of the servers that were added, at the latest after one second.
func (c *Client) Change(ctx context.Context, changes Changes) (Changed, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	body, err := json.Marshal(changes)
	if err != nil {
		return Changed{}, c.wrap(err)
	}
	var done Changed
	err = c.do(ctx, http.MethodPost, "/v1/changes", bytes.NewReader(body), &done)
	return done, err
}

// Order gives an order about a real server. One that is refused is an error that
// wraps an *Error and changes nothing. It waits at most one minute.
func (c *Client) Order(ctx context.Context, o OrderRequest) (Ordered, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	body, err := json.Marshal(o)
	if err != nil {
		return Ordered{}, c.wrap(err)
	}
	var done Ordered
	err = c.do(ctx, http.MethodPost, "/v1/orders", bytes.NewReader(body), &done)
	return done, err
}

// Why explains what would become of a packet that the client, an address with a
// port, sends to the VIP, likewise, to open a connection. The protocol is "tcp",
// "udp" or "sctp". It waits at most 10 seconds.
func (c *Client) Why(ctx context.Context, protocol, client, vip string) (*Why, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	w := new(Why)
	q := url.Values{"protocol": {protocol}, "client": {client}, "vip": {vip}}
	if err := c.do(ctx, http.MethodGet, "/v1/why?"+q.Encode(), http.NoBody, w); err != nil {
		return nil, err
	}
	return w, nil
}

// do sends a request and decodes the answer into the value.
func (c *Client) do(ctx context.Context, method, path string, body io.Reader, into any) error {
	resp, err := c.ask(ctx, method, path, body)
	if err != nil {
		return c.wrap(err)
	}
	defer resp.Body.Close()
	answer, err := c.readAll(resp.Body)
	if err != nil {
		return c.wrap(err)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return c.wrap(fmt.Errorf("%s %s: read its answer: %w", method, path, err))
	}
	return nil
}

// ask sends a request and returns the answer, if that is what was asked for;
// what the director says otherwise is an error.
func (c *Client) ask(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	answer, err := c.readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return nil, refusal(method, path, resp, answer)
}

func (c *Client) readAll(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, c.limit+1))
	switch {
	case err != nil:
		return nil, c.explain(err)
	case int64(len(body)) > c.limit:
		return nil, fmt.Errorf("it sent more than %d bytes: is it a director?", c.limit)
	}
	return body, nil
}

func (c *Client) wrap(err error) error {
	return fmt.Errorf("ask the director at %s: %w", c.where, err)
}

// refusal is the error that the director answered with, or what can be said
// about an answer that is none of a director of this version.
func refusal(method, path string, resp *http.Response, body []byte) error {
	e := new(Error)
	if err := json.Unmarshal(body, e); err == nil && e.Message != "" {
		return e
	}
	if resp.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s %s: it does not know that request: is it an older version?", method, path)
	}
	return fmt.Errorf("%s %s: %s %s", method, path, resp.Status, bytes.TrimSpace(body[:min(len(body), 200)]))
}

// explain puts a remedy behind what the system said, without the method, the
// made-up URL and the path that Go puts before it.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return remedy{fs.ErrNotExist, "no such file: is `director run` running, and with this admin socket?"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return remedy{syscall.ECONNREFUSED, "nobody listens any more: the director that made it has ended"}
	case errors.Is(err, fs.ErrPermission):
		return remedy{fs.ErrPermission, "permission denied: only root and the socket's group may ask"}
	case errors.Is(err, syscall.ENOTSOCK), errors.Is(err, syscall.EPROTOTYPE):
		return remedy{syscall.ENOTSOCK, "it is not the socket of a director"}
	case errors.Is(err, context.DeadlineExceeded):
		return remedy{context.DeadlineExceeded, "it did not answer in time"}
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	return err
}

// remedy is an error in words that help, and still the error for errors.Is.
type remedy struct {
	error
	text string
}

func (r remedy) Error() string { return r.text }
func (r remedy) Unwrap() error { return r.error }
