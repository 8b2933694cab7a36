package healthcheck

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// grpcCheck asks a gRPC server for its health (grpc.health.v1, in the gRPC
// repository's doc/health-checking.md; PROTOCOL-HTTP2.md has the framing).
type grpcCheck struct {
	dial     DialFunc
	address  string
	security *security // nil: without TLS
	url      url.URL
	message  []byte // the request, framed
	service  string
}

func validateGRPC(s *Spec) []FieldError {
	var errs []FieldError
	if strings.ContainsFunc(s.Host, notInHost) {
		errs = append(errs, FieldError{"host", fmt.Sprintf("%q is not a host", s.Host), "a name such as grpc.example.org, or name:port"})
	}
	if s.TLS {
		return append(errs, validateCertificate(s, hostName(s.Host))...)
	}
	return append(errs, s.withoutTLS("tls: on")...)
}

func newGRPC(s Spec, t Target, way Way) (question, error) {
	c := &grpcCheck{
		dial: way.dialer(), address: t.endpoint(), service: s.Service,
		url:     url.URL{Scheme: "http", Host: s.Host, Path: "/grpc.health.v1.Health/Check"},
		message: frameGRPC(healthRequest(s.Service)),
	}
	if s.TLS {
		c.url.Scheme = "https"
		var err error
		if c.security, err = newSecurity(s, hostName(s.Host), "h2"); err != nil {
			return nil, err
		}
	}
	if c.url.Host == "" {
		c.url.Host = hostHeader(netip.AddrPortFrom(t.Addr, t.Port), c.url.Scheme)
	}
	return c, nil
}

func (c *grpcCheck) ask(ctx context.Context) (r Result, err error) {
	conn, err := connect(ctx, c.dial, "tcp", c.address)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	if c.security != nil {
		secured, err := c.security.secure(ctx, conn)
		if err != nil {
			return r, err
		}
		state := secured.ConnectionState()
		if state.NegotiatedProtocol != "h2" {
			return r, errors.New("the server does not offer HTTP/2")
		}
		r.Warning = c.security.warning(state, time.Now())
		conn = secured
	}
	session, err := newHTTP2(ctx, conn)
	if err != nil {
		return r, err
	}
	defer session.Close()
	resp, err := session.RoundTrip(c.request(ctx))
	if err != nil {
		return r, err
	}
	r.Message = "SERVING"
	return r, c.judge(resp)
}

func (c *grpcCheck) request(ctx context.Context) *http.Request {
	r := &http.Request{
		Method: http.MethodPost, URL: &c.url, Host: c.url.Host,
		Header: http.Header{
			"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {userAgent},
		},
		Body: io.NopCloser(bytes.NewReader(c.message)), ContentLength: int64(len(c.message)),
	}
	return r.WithContext(ctx)
}

// judge reads the answer: one message, and a status in the trailer, or in the
// header of an answer without a message.
func (c *grpcCheck) judge(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/grpc") {
		return fmt.Errorf("HTTP %d, no gRPC", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return err
	}
	status, text := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if status == "" {
		status, text = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	if status != "0" {
		return c.failed(status, text)
	}
	message, err := unframeGRPC(body)
	if err != nil {
		return err
	}
	serving, err := servingStatus(message)
	if err != nil {
		return err
	}
	if serving != statusServing {
		return errors.New(servingName(serving))
	}
	return nil
}

// failed says what a status other than 0 means.
func (c *grpcCheck) failed(status, text string) error {
	switch status {
	case "":
		return errors.New("an answer without a gRPC status")
	case "5":
		return fmt.Errorf("the server does not know the service %q", c.service)
	case "12":
		return errors.New("the server does not know grpc.health.v1")
	}
	return fmt.Errorf("gRPC status %s %s", status, text)
}

// frameGRPC puts the length before a message that is not compressed.
func frameGRPC(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// unframeGRPC returns the only message of a body.
func unframeGRPC(body []byte) ([]byte, error) {
	switch {
	case len(body) < 5 || uint64(binary.BigEndian.Uint32(body[1:])) != uint64(len(body)-5):
		return nil, errors.New("an answer that is not one gRPC message")
	case body[0] != 0:
		return nil, errors.New("a compressed answer, which was not asked for")
	}
	return body[5:], nil
}

func (c *grpcCheck) String() string { return "grpc://" + c.address + "/" + c.service }
