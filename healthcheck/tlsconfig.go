package healthcheck

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// validateCertificate checks the fields of TLS. name is what the certificate
// must be for, in whatever field it is.
func validateCertificate(s *Spec, name string) []FieldError {
	var errs []FieldError
	if s.ServerName != "" && !isServerName(s.ServerName) {
		errs = append(errs, FieldError{
			"server_name", fmt.Sprintf("%q is not the name of a server", s.ServerName),
			"a name such as www.example.org, or an address, without a port",
		})
	}
	if s.CA != "" {
		if _, err := authorities(s.CA); err != nil {
			errs = append(errs, FieldError{"ca", oneLine(err.Error()), "the absolute path of a file of certificates in PEM"})
		}
	}
	if s.Expiry < 0 {
		errs = append(errs, FieldError{"expiry", s.Expiry.String() + " is in the past", "0s or more"})
	}
	switch {
	case s.Insecure && s.CA != "":
		errs = append(errs, FieldError{"insecure", "with a ca there is something to verify by", "remove one of them"})
	case !s.Insecure && name == "" && s.ServerName == "":
		errs = append(errs, FieldError{
			"server_name", "is missing: nothing says whom the certificate must be for",
			"name the server as the certificate does, or insecure: on",
		})
	}
	return errs
}

// isServerName reports whether a certificate may be for the name (RFC 1123), or
// for the address.
func isServerName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return len(name) <= 253 && strings.Trim(name, ".-") == name && !strings.Contains(name, "..") &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
		})
}

// security is how TLS is spoken, and what is asked of a certificate.
type security struct {
	config atomic.Pointer[tls.Config]
	ca     string // "": the host's authorities
	expiry time.Duration
}

// newSecurity makes the TLS of a valid spec. name is asked for (SNI) and
// verified where the spec has no server name.
func newSecurity(s Spec, name string, protocols ...string) (*security, error) {
	if s.ServerName != "" {
		name = s.ServerName
	}
	c := &tls.Config{ServerName: name, NextProtos: protocols, InsecureSkipVerify: s.Insecure}
	if s.CA != "" {
		pool, err := authorities(s.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		c.RootCAs = pool
	}
	t := &security{ca: s.CA, expiry: s.Expiry}
	t.config.Store(c)
	return t, nil
}

// secure shakes hands on conn, which the caller closes also if that fails.
func (s *security) secure(ctx context.Context, conn net.Conn) (*tls.Conn, error) {
	secured := tls.Client(conn, s.present())
	return secured, secured.HandshakeContext(ctx)
}

// present is the configuration with the authorities that the file has now: they may
// be exchanged at any time. Those that it had last hold while it cannot be read.
func (s *security) present() *tls.Config {
	c := s.config.Load()
	if s.ca == "" {
		return c
	}
	if pool, err := authorities(s.ca); err == nil && pool != c.RootCAs {
		c = c.Clone()
		c.RootCAs = pool
		s.config.Store(c)
	}
	return c
}

// until returns when the connection's certificates end: the earliest of the
// chain that lasts longest, without the authority's own. It is zero if none was
// verified.
func until(state tls.ConnectionState) (end time.Time) {
	for _, chain := range state.VerifiedChains {
		earliest := chain[0].NotAfter
		for _, c := range chain[:len(chain)-1] {
			if c.NotAfter.Before(earliest) {
				earliest = c.NotAfter
			}
		}
		if earliest.After(end) {
			end = earliest
		}
	}
	return end
}

// warning returns what is to be said of the certificate's end, or "".
func (s *security) warning(state tls.ConnectionState, now time.Time) string {
	end := until(state)
	if s.expiry == 0 || end.IsZero() || end.Sub(now) >= s.expiry {
		return ""
	}
	return "the certificate expires on " + end.UTC().Format(time.DateTime) + " UTC"
}

// describeTLS is what is said of a handshake that went well.
func describeTLS(state tls.ConnectionState) string {
	text := tls.VersionName(state.Version)
	if end := until(state); !end.IsZero() {
		text += ", certificate until " + end.UTC().Format(time.DateOnly)
	}
	return text
}
