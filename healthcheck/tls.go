package healthcheck

import (
	"context"
	"time"
)

// tlsCheck succeeds when a TLS handshake does (RFC 8446), and the certificate
// is what it should be.
type tlsCheck struct {
	dial     DialFunc
	address  string
	security *security
}

func validateTLS(s *Spec) []FieldError { return validateCertificate(s, "") }

func newTLS(s Spec, t Target, way Way) (question, error) {
	security, err := newSecurity(s, "")
	return &tlsCheck{dial: way.dialer(), address: t.endpoint(), security: security}, err
}

func (c *tlsCheck) ask(ctx context.Context) (Result, error) {
	conn, err := connect(ctx, c.dial, "tcp", c.address)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	secured, err := c.security.secure(ctx, conn)
	if err != nil {
		return Result{}, err
	}
	state := secured.ConnectionState()
	// A server that logs connections that ended without a word is spared a line.
	secured.CloseWrite()
	return Result{Message: describeTLS(state), Warning: c.security.warning(state, time.Now())}, nil
}

func (c *tlsCheck) String() string { return "tls://" + c.address }
