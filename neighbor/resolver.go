package neighbor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// Sentinels of Run.
var (
	// ErrInterfaceGone says that the interface was deleted, or moved to another
	// network namespace. Reopen with its successor and Run again.
	ErrInterfaceGone = errors.New("interface is gone")
	// ErrNotOpen says that the resolver has no socket: it was closed, or Run
	// has returned and Reopen was not called.
	ErrNotOpen = errors.New("resolver is not open")
)

// Config is what a [Resolver] is made of.
type Config struct {
	// Interface is where the real servers are. Index, Name and HardwareAddr are
	// used.
	Interface *net.Interface
	// MAC is in whose name requests are sent; the default is the interface's
	// own. The interface must receive for it.
	MAC frame.MAC
	// Source is our IPv4 address on the segment; without one, requests are sent
	// with the sender address 0.0.0.0.
	Source netip.Addr
	// Refuse are MAC addresses that no real server can have: the virtual one and
	// those of our other interfaces. MAC and the interface's own are refused
	// anyhow.
	Refuse []frame.MAC
	// Log defaults to slog.Default. Each event is one line.
	Log *slog.Logger
	// Notify, if set, is called when the MAC address to use is known, confirmed
	// after a failure or changed (ok), and when nobody answers any more (not ok;
	// mac is the last one known, or zero). Events, if set, is called for each
	// event, before Notify. Both are called by the goroutine of Run; they must
	// not block, and may call the resolver.
	Notify func(addr netip.Addr, mac frame.MAC, ok bool)
	Events func(Event)
}

// socket is the edge to the segment.
type socket interface {
	io.ReadWriteCloser // one frame each
	SetReadDeadline(time.Time) error
	Up() (bool, error) // ErrInterfaceGone when it is
}

// Resolver keeps the MAC addresses of real servers on one interface. Its
// methods may be called from any goroutine.
type Resolver struct {
	log    *slog.Logger
	events func(Event)
	notify func(netip.Addr, frame.MAC, bool)

	mu         sync.Mutex // guards the rest
	name       string     // of the interface
	source     netip.Addr
	refuse     []frame.MAC
	machine    *Machine
	pending    []Action
	sock       socket // nil: not open
	running    bool
	sendErrors uint64
}

// How often the link's state is looked at. A link that goes down also ends a
// read at once, but carrier loss does not, and neither does a link that comes
// back.
const (
	linkCheck     = time.Second
	linkCheckDown = 200 * time.Millisecond
)

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// New opens the socket, which needs CAP_NET_RAW, in the network namespace of
// the calling thread. Nothing is sent before Run.
func New(c Config) (*Resolver, error) {
	mac, own, err := addresses(c.Interface, c.MAC)
	if err != nil {
		return nil, err
	}
	sock, err := open(c.Interface, mac)
	if err != nil {
		return nil, fmt.Errorf("open %s to resolve real servers: %w", c.Interface.Name, err)
	}
	refuse := append(slices.Clone(c.Refuse), own)
	r := newResolver(c, NewMachine(Options{MAC: mac, Source: c.Source, Refuse: refuse}))
	r.sock = sock
	return r, nil
}

func newResolver(c Config, m *Machine) *Resolver {
	m.SetLink(time.Now(), false) // until Run has looked at it
	r := &Resolver{
		log: c.Log, events: c.Events, notify: c.Notify,
		name: c.Interface.Name, source: c.Source, refuse: slices.Clone(c.Refuse), machine: m,
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	return r
}

// addresses returns the MAC address to ask with and the interface's own.
func addresses(ifi *net.Interface, mac frame.MAC) (ask, own frame.MAC, err error) {
	if ifi == nil {
		return ask, own, errors.New("resolve real servers: no interface given")
	}
	if len(ifi.HardwareAddr) != len(own) {
		return ask, own, fmt.Errorf("open %s to resolve real servers: not an Ethernet interface", ifi.Name)
	}
	own = frame.MAC(ifi.HardwareAddr)
	if mac.IsZero() {
		mac = own
	}
	if !mac.IsUnicast() {
		return ask, own, fmt.Errorf("open %s to resolve real servers: %s cannot ask: not a unicast MAC address", ifi.Name, mac)
	}
	return mac, own, nil
}

// Reopen replaces the socket after Run has returned, as for an interface that
// was made again. What was known stays known, and everybody is asked again when
// Run is called. A zero mac is the interface's own.
func (r *Resolver) Reopen(ifi *net.Interface, mac frame.MAC) error {
	mac, own, err := addresses(ifi, mac)
	if err != nil {
		return err
	}
	sock, err := open(ifi, mac)
	if err != nil {
		return fmt.Errorf("open %s to resolve real servers: %w", ifi.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return errors.Join(fmt.Errorf("open %s to resolve real servers: still running on %s", ifi.Name, r.name), sock.Close())
	}
	if r.sock != nil {
		_ = r.sock.Close() // an unused one; nothing of it is lost
	}
	r.name, r.sock = ifi.Name, sock
	r.machine.SetSelf(mac, r.source, append(slices.Clone(r.refuse), own)...)
	return nil
}

// Set replaces the addresses to resolve; addresses other than IPv4 are skipped.
func (r *Resolver) Set(addrs []netip.Addr) {
	r.change(func(now time.Time) []Action { return r.machine.Set(now, addrs) })
}

// Pin replaces the addresses whose MAC address is given; they are never asked
// for.
func (r *Resolver) Pin(macs map[netip.Addr]frame.MAC) {
	r.change(func(now time.Time) []Action { return r.machine.Pin(now, macs) })
}

// Restore gives the MAC address that a set address had in an earlier run, to be
// used until another is confirmed.
func (r *Resolver) Restore(addr netip.Addr, mac frame.MAC) {
	r.change(func(now time.Time) []Action { return r.machine.Restore(now, addr, mac) })
}

// change does what fn asks for and wakes Run to send and report it.
func (r *Resolver) change(fn func(time.Time) []Action) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, fn(time.Now())...)
	r.wake()
}

// wake ends a pending read. r.mu is held.
func (r *Resolver) wake() {
	if r.sock != nil {
		_ = r.sock.SetReadDeadline(aLongTimeAgo) // fails only when closed, which ends the read too
	}
}

// Lookup returns the MAC address to send to; ok says whether there is one. It
// takes a lock and is not for the forward path.
func (r *Resolver) Lookup(addr netip.Addr) (mac frame.MAC, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machine.Lookup(addr)
}

// Snapshot returns all real servers, by address.
func (r *Resolver) Snapshot() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machine.Snapshot()
}

// Stats returns the counters of received frames.
func (r *Resolver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machine.Stats()
}

// SendErrors returns how many frames the kernel did not take.
func (r *Resolver) SendErrors() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sendErrors
}

// Close closes the socket. Run, if it is running, returns ErrNotOpen.
func (r *Resolver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close()
}

// close closes the socket. r.mu is held.
func (r *Resolver) close() error {
	if r.sock == nil {
		return nil
	}
	err := r.sock.Close()
	r.sock = nil
	if err != nil {
		return fmt.Errorf("close %s: %w", r.name, err)
	}
	return nil
}

// isDown reports whether err is that of an interface that is not up, or that
// may be gone.
func isDown(err error) bool {
	return errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV)
}

// Run asks, listens and verifies until ctx is done, and then returns nil. It survives a link that goes down and comes back. When the interface is
// deleted it returns an error that wraps ErrInterfaceGone. The socket is closed
// when Run returns.
func (r *Resolver) Run(ctx context.Context) error {
	r.mu.Lock()
	if r.running || r.sock == nil {
		running := r.running
		r.mu.Unlock()
		if running {
			return errors.New("run ARP resolver: already running")
		}
		return fmt.Errorf("run ARP resolver: %w", ErrNotOpen)
	}
	r.running = true
	loop := &loop{Resolver: r, sock: r.sock, name: r.name, down: true}
	r.mu.Unlock()

	stop := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.wake()
	})
	defer stop()
	err := loop.run(ctx)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = false
	// Packets have had their time; what there is to report waits for the next Run.
	r.machine.SetLink(time.Now(), false)
	r.pending = slices.DeleteFunc(r.pending, func(a Action) bool { _, send := a.(Send); return send })
	if cerr := r.close(); err == nil && cerr != nil {
		return cerr
	}
	if err != nil {
		return fmt.Errorf("resolve real servers on %s: %w", loop.name, err)
	}
	return nil
}

// timedOut reports whether a read ended because something is to be done.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
