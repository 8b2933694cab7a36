package healthcheck

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Target is one real server to be probed.
type Target struct {
	Addr netip.Addr
	Port uint16 // used where Spec.Port is 0
	Name string // for messages; no part of the identity
}

// Result is what one probe found.
type Result struct {
	OK      bool
	Message string        // one line for people, also when OK: "HTTP 200"
	RTT     time.Duration // from the probe's start to its verdict
}

// Checker probes one real server in one way. Implementations keep no state
// between probes and may be used by several goroutines.
type Checker interface {
	// Check runs one probe and returns soon after ctx is done. It leaves no
	// connection and no goroutine behind.
	Check(ctx context.Context) Result
	// String says what is asked: "http://192.0.2.21:80/healthz".
	String() string
}

// DialFunc connects as net.Dialer.DialContext does; address is "ip:port".
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// New returns the checker of a valid spec for a target, dialled by the host's
// routing.
func New(spec Spec, target Target) (Checker, error) { return NewDialed(spec, target, nil) }

// NewDialed is New with the way to connect; nil stands for net.Dialer's.
func NewDialed(spec Spec, target Target, dial DialFunc) (Checker, error) {
	if errs := spec.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("check of %s: %w", target.Addr, errs[0])
	}
	spec = spec.normal()
	if spec.Port != 0 {
		target.Port = spec.Port
	}
	if !target.Addr.IsValid() && spec.Kind != "none" {
		return nil, fmt.Errorf("check of real server %q: no address", target.Name)
	}
	if spec.NeedsPort() && target.Port == 0 {
		return nil, fmt.Errorf("check of %s: kind %s needs a port: set port", target.Addr, spec.Kind)
	}
	if dial == nil {
		// Keep-alive probes of the kernel are of no use to a connection that
		// lives for one question.
		dial = (&net.Dialer{KeepAlive: -1}).DialContext
	}
	return kinds[spec.Kind].build(spec, target, dial)
}
