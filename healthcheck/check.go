package healthcheck

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Target is one real server to be probed.
type Target struct {
	Addr netip.Addr // the real server's; a checker gets the one that it asks
	VIP  netip.Addr // the service's first, which is asked where Spec.ByVIP
	RIP  netip.Addr // the real server's, for checkers; New fills it in
	Port uint16     // used where Spec.Port is 0
	Name string     // for messages; no part of the identity
}

// endpoint is the address that is asked, as DialFunc wants it.
func (t Target) endpoint() string { return netip.AddrPortFrom(t.Addr, t.Port).String() }

// Result is what one probe found.
type Result struct {
	OK      bool
	Message string        // one line for people, also when OK: "HTTP 200"
	RTT     time.Duration // from the probe's start to its verdict
	Warning string        // what will go wrong soon, though OK: "certificate expires …"; "" for nothing
	// Weight is what the server says that its weight should be, if Weighted: 0
	// for no new connections, 1 to 65535.
	Weight   int
	Weighted bool
	Percent  bool // Weight is a part of the configured one, 0..1000
}

// Checker probes one real server in one way. It may be used by several
// goroutines, and keeps nothing between probes but the connection that a spec
// with Reuse asks it to keep.
type Checker interface {
	// Check runs one probe and returns soon after ctx is done. It leaves no
	// goroutine, process or, without Reuse, connection behind.
	Check(ctx context.Context) Result
	// Close drops what is kept, after the last Check.
	Close() error
	// String says what is asked: "http://192.0.2.21:80/healthz".
	String() string
}

// DialFunc connects as net.Dialer.DialContext does; address is "ip:port".
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Way is how probes travel to one real server, whatever address they ask. The
// zero value is the host's routing.
type Way struct {
	// Control prepares a socket before it is bound or connected, as that of
	// net.Dialer and net.ListenConfig does; nil leaves it as it is.
	Control func(network, address string, c syscall.RawConn) error
	// Cgroup opens a control group (cgroups(7), version 2) in which all sockets
	// of a program travel this way, whatever its user: Control never sees them.
	// The program is started in it (clone3(2), CLONE_INTO_CGROUP; in Go,
	// SysProcAttr.UseCgroupFD), then the file is closed. It is asked for again
	// with every probe. nil: programs need no group.
	Cgroup func() (*os.File, error)
	// Dial stands in for a net.Dialer with Control; nil: that dialer.
	Dial DialFunc
}

// dialer returns how to connect.
func (w Way) dialer() DialFunc {
	if w.Dial != nil {
		return w.Dial
	}
	// Keep-alive probes of the kernel are of no use to a connection that lives
	// for one question.
	return (&net.Dialer{KeepAlive: -1, Control: w.Control}).DialContext
}

// New returns the checker of a valid spec for a target, by that way.
func New(spec Spec, target Target, way Way) (Checker, error) {
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
	target, err := target.asked(spec)
	if err != nil {
		return nil, err
	}
	q, err := kinds[spec.Kind].build(spec, target, way)
	if err != nil {
		return nil, fmt.Errorf("check of %s: %w", target.RIP, err)
	}
	if spec.ByVIP() {
		return byVIP{checker{q}, target.RIP}, nil
	}
	return checker{q}, nil
}
