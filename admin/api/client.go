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
	"syscall"
	"time"
)

const (
	// statusTimeout is what a director may take to say how it is; a reload may
	// have to wait for a probe of the ones before it to end.
	statusTimeout = 10 * time.Second
	reloadTimeout = time.Minute

	// maxResponse is more than the status of 100,000 real servers.
	maxResponse = 256 << 20
)

// Client asks a running director over its unix socket. Its methods may be
// called from any goroutine. It holds nothing between two requests.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client of the director whose socket is at that path.
// Nothing is opened before the first request.
func NewClient(socket string) *Client {
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// Status returns the director's state. It waits at most 10 seconds.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	s := new(Status)
	if err := c.do(ctx, http.MethodGet, "/v1/status", s); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload makes the director read its configuration file again. A file that it
// refuses is an error that wraps an *Error and changes nothing. It waits at
// most one minute.
func (c *Client) Reload(ctx context.Context) (Reload, error) {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	var r Reload
	err := c.do(ctx, http.MethodPost, "/v1/reload", &r)
	return r, err
}

// do sends a request without a body and decodes the answer into the value.
func (c *Client) do(ctx context.Context, method, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://director"+path, http.NoBody)
	if err != nil {
		return c.wrap(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.wrap(explain(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	switch {
	case err != nil:
		return c.wrap(explain(err))
	case len(body) > maxResponse:
		return c.wrap(fmt.Errorf("it sent more than %d bytes", maxResponse))
	case resp.StatusCode != http.StatusOK:
		return c.wrap(refusal(method, path, resp, body))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return c.wrap(fmt.Errorf("%s %s: read its answer: %w", method, path, err))
	}
	return nil
}

func (c *Client) wrap(err error) error {
	return fmt.Errorf("ask the director at %s: %w", c.socket, err)
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
