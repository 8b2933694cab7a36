package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ErrPrivilege is wrapped by the error of [New] when this process may not make
// namespaces.
var ErrPrivilege = errors.New("making network namespaces needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN)")

// ErrClosed is returned by operations in a [Lab] after Close.
var ErrClosed = errors.New("lab is closed")

// waitLimit ends waits whose context has no deadline.
const waitLimit = 10 * time.Second

// Lab is a set of hosts and switches and what runs on them. Its methods may be
// called from any goroutine, unless they say otherwise. In a test only the
// test's goroutine should build and break: an error there ends the goroutine.
type Lab struct {
	report func(error) // in a test: fails it

	mu      sync.Mutex
	errs    []error
	spaces  []*namespace
	closers []func() error
	procs   []*Process
	macs    uint32 // MAC addresses given out
	closed  bool
}

// Node is a [Host] or a [Switch].
type Node interface {
	// Name is what the node was called when it was made.
	Name() string
	space() *namespace
	// newEnd names and registers an end of a link before it is made.
	newEnd(cfg *LinkConfig) *Interface
	// attach completes the end once it exists.
	attach(i *Interface) error
}

// New returns an empty lab. It fails at once, with [ErrPrivilege], where no
// hosts could be made. The caller must Close it, best with defer.
func New() (*Lab, error) {
	probe, err := newNamespace(hostNamespace)
	if err != nil {
		return nil, fmt.Errorf("new lab: %w", err)
	}
	probe.close()
	return &Lab{}, nil
}

// Err returns what went wrong so far while building, changing or breaking the
// LAN, joined, or nil.
func (l *Lab) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}

// Close ends every program with SIGTERM and, after 2 seconds, SIGKILL, closes
// captures and the listeners that Listen made, and frees all namespaces with
// everything in them. It waits until the programs are gone, and does nothing the second time.
// Connections that Dial made belong to their users: each keeps its namespace
// alive until it is closed.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	procs, closers, spaces := l.procs, l.closers, l.spaces
	l.mu.Unlock()

	err := stopAll(procs)
	for i := len(closers) - 1; i >= 0; i-- {
		if e := closers[i](); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	for _, n := range spaces {
		err = errors.Join(err, killStrays(n.inode, 0))
		n.close()
	}
	if err != nil {
		return fmt.Errorf("close lab: %w", err)
	}
	return nil
}

// fail records an error of building or breaking. A lab that is closed or a
// node that could not be made has been reported already.
func (l *Lab) fail(op string, err error) {
	if err == nil || errors.Is(err, errNoNamespace) {
		return
	}
	err = fmt.Errorf("%s: %w", op, err)
	l.mu.Lock()
	l.errs = append(l.errs, err)
	l.mu.Unlock()
	if l.report != nil {
		l.report(err)
	}
}

// onClose registers what Close must undo. It undoes it at once, and fails, if
// the lab is closed already.
func (l *Lab) onClose(undo func() error) error {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.closers = append(l.closers, undo)
	}
	l.mu.Unlock()
	if closed {
		return errors.Join(ErrClosed, undo())
	}
	return nil
}

// newSpace makes a node's namespace, which Close will free. Where it fails, the
// error is reported, and what the node does afterwards fails silently.
func (l *Lab) newSpace(kind namespaceKind, op string) *namespace {
	made, err := newNamespace(kind)
	if err == nil {
		l.mu.Lock()
		if l.closed {
			err = ErrClosed
		} else {
			l.spaces = append(l.spaces, made)
		}
		l.mu.Unlock()
	}
	if err != nil {
		if made != nil {
			made.close()
		}
		l.fail(op, err)
		return noNamespace()
	}
	return made
}

// nextMAC returns a locally administered address that no other end in this lab
// has by default.
func (l *Lab) nextMAC() net.HardwareAddr {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.macs++
	n := l.macs
	return net.HardwareAddr{0x02, 0x1a, 0xb0, byte(n >> 16), byte(n >> 8), byte(n)}
}

// limited gives a wait an end.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, waitLimit, fmt.Errorf("nothing for %v: %w", waitLimit, context.DeadlineExceeded))
}

// MustPrefixes parses literals such as "192.0.2.1/24". It panics on a bad one,
// like netip.MustParsePrefix.
func MustPrefixes(literals ...string) []netip.Prefix {
	prefixes := make([]netip.Prefix, len(literals))
	for i, s := range literals {
		prefixes[i] = netip.MustParsePrefix(s)
	}
	return prefixes
}

// MustMAC parses a literal such as "02:00:00:00:00:22". It panics on a bad one.
func MustMAC(literal string) net.HardwareAddr {
	mac, err := net.ParseMAC(literal)
	if err != nil {
		panic("lab: " + err.Error())
	}
	return mac
}
