package healthcheck

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// session is one connection on which HTTP is spoken. For HTTP/1.1 it does
// without http.Transport, whose goroutines and pool are of no use to a single
// question, and which logs by itself when a server speaks first.
type session struct {
	conn  *watched
	tls   *tls.ConnectionState // nil without TLS
	two   *http.ClientConn     // nil: HTTP/1.1
	limit *io.LimitedReader    // what HTTP/1.1 may still read
	in    *bufio.Reader        // from limit
}

// keptSession is where a session waits for the next probe.
type keptSession struct {
	mu      sync.Mutex
	session *session // nil: none waits
	closed  bool
}

// swap puts a session there, or none, and returns the one that was there.
func (k *keptSession) swap(s *session) *session {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return s
	}
	s, k.session = k.session, s
	return s
}

// answer sends a request and reads the header of what comes back, on a session
// that the caller leaves. One that was kept may have been closed by the server
// meanwhile, which says nothing about it: then a new one is opened.
func (c *httpCheck) answer(ctx context.Context, request *http.Request) (*session, *http.Response, error) {
	if c.kept != nil {
		if s := c.kept.swap(nil); s != nil {
			s.conn = watch(ctx, s.conn.Conn)
			if resp, err := s.roundTrip(ctx, request); err == nil {
				return s, resp, nil
			}
			s.close()
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
		}
	}
	s, err := c.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	resp, err := s.roundTrip(ctx, request)
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return s, resp, nil
}

// leave keeps a session that is good for another request, or closes it.
func (c *httpCheck) leave(s *session, again bool) {
	if again && s.conn.release() {
		s = c.kept.swap(s)
	}
	if s != nil {
		s.close()
	}
}

// Close drops the session that is kept.
func (c *httpCheck) Close() error {
	if c.kept == nil {
		return nil
	}
	c.kept.mu.Lock()
	s := c.kept.session
	c.kept.session, c.kept.closed = nil, true
	c.kept.mu.Unlock()
	if s != nil {
		s.close()
	}
	return nil
}

// open connects, and shakes hands.
func (c *httpCheck) open(ctx context.Context) (*session, error) {
	conn, err := c.dial(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	s := &session{}
	if c.security != nil {
		// The handshake minds the context by itself.
		secured, err := c.security.secure(ctx, conn)
		if err != nil {
			conn.Close()
			return nil, err
		}
		state := secured.ConnectionState()
		s.tls, conn = &state, secured
	}
	s.conn = watch(ctx, conn)
	if err := s.begin(ctx, c.only2); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// begin chooses the version of HTTP.
func (s *session) begin(ctx context.Context, only2 bool) (err error) {
	chosen := ""
	if s.tls != nil {
		chosen = s.tls.NegotiatedProtocol
	}
	switch {
	case chosen == "h2", s.tls == nil && only2:
		s.two, err = newHTTP2(ctx, s.conn)
		return err
	case only2:
		return errors.New("the server does not offer HTTP/2")
	}
	s.limit = &io.LimitedReader{R: s.conn}
	s.in = bufio.NewReader(s.limit)
	return nil
}

// newHTTP2 begins HTTP/2 (RFC 9113) on a connection, whether TLS is on it or not,
// with buffers that fit what is read.
func newHTTP2(ctx context.Context, conn net.Conn) (*http.ClientConn, error) {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	t := &http.Transport{
		Protocols:          &p,
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		DisableCompression: true, MaxResponseHeaderBytes: headerLimit,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerConnection: 2 * bodyLimit, MaxReceiveBufferPerStream: 2 * bodyLimit},
	}
	return t.NewClientConn(ctx, "http", "target:1")
}

func (s *session) close() {
	if s.two != nil {
		s.two.Close()
	}
	s.conn.Close()
}

// roundTrip sends a request and reads the header of the answer.
func (s *session) roundTrip(ctx context.Context, request *http.Request) (*http.Response, error) {
	if s.two != nil {
		return s.two.RoundTrip(request.WithContext(ctx))
	}
	if err := request.Write(s.conn); err != nil {
		return nil, err
	}
	s.limit.N = headerLimit
	resp, err := readFinal(s.in, request)
	if err != nil && s.limit.N <= 0 {
		return nil, fmt.Errorf("header longer than %d bytes", headerLimit)
	}
	s.limit.N = wireLimit
	return resp, err
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
