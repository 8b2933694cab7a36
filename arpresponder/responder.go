package arpresponder

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
	// ErrNotOpen says that the responder has no socket: it was closed, or Run
	// has returned and Reopen was not called.
	ErrNotOpen = errors.New("responder is not open")
)

// Config is what a [Responder] is made of.
type Config struct {
	// Interface is where the VIPs are answered for. Index, Name and
	// HardwareAddr are used.
	Interface *net.Interface
	// MAC answers for the VIPs; the default is the interface's own.
	MAC frame.MAC
	// Conflict defaults to Refuse.
	Conflict ConflictMode
	// VIPs to begin with; SetVIPs replaces them.
	VIPs []netip.Addr
	// RealServers have the MAC addresses of our real servers and the names to
	// report; SetRealServers replaces them.
	RealServers map[frame.MAC]string
	// Log defaults to slog.Default. Each event is one line.
	Log *slog.Logger
	// Events, if set, is called for each event, by the goroutine of Run. It must
	// not block; it may call the responder.
	Events func(Event)
}

// socket is the edge to the segment.
type socket interface {
	io.ReadWriteCloser // one frame each
	SetReadDeadline(time.Time) error
	Up() (bool, error) // ErrInterfaceGone when it is
}

// Responder answers for the VIPs on one interface. Its methods may be called
// from any goroutine.
type Responder struct {
	log    *slog.Logger
	events func(Event)

	mu         sync.Mutex // guards the rest
	name       string     // of the interface
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
func New(c Config) (*Responder, error) {
	mac, own, err := addresses(c.Interface, c.MAC)
	if err != nil {
		return nil, err
	}
	sock, err := open(c.Interface, mac)
	if err != nil {
		return nil, fmt.Errorf("open %s for ARP: %w", c.Interface.Name, err)
	}
	m := NewMachine(Options{MAC: mac, Own: []frame.MAC{own}, Conflict: c.Conflict})
	r := newResponder(c, m)
	r.sock = sock
	return r, nil
}

func newResponder(c Config, m *Machine) *Responder {
	r := &Responder{log: c.Log, events: c.Events, name: c.Interface.Name, machine: m}
	if r.log == nil {
		r.log = slog.Default()
	}
	now := time.Now()
	m.SetLink(now, false) // until Run has looked at it
	m.SetRealServers(now, c.RealServers)
	m.SetVIPs(now, c.VIPs)
	return r
}

// addresses returns the MAC address to answer with and the interface's own.
func addresses(ifi *net.Interface, mac frame.MAC) (answer, own frame.MAC, err error) {
	if ifi == nil {
		return answer, own, errors.New("open for ARP: no interface given")
	}
	if len(ifi.HardwareAddr) != len(own) {
		return answer, own, fmt.Errorf("open %s for ARP: not an Ethernet interface", ifi.Name)
	}
	own = frame.MAC(ifi.HardwareAddr)
	if mac.IsZero() {
		mac = own
	}
	if !mac.IsUnicast() {
		return answer, own, fmt.Errorf("open %s for ARP: %s cannot answer: not a unicast MAC address", ifi.Name, mac)
	}
	return mac, own, nil
}

// Reopen replaces the socket after Run has returned, as for an interface that
// was made again. What was claimed stays claimed and is announced when Run is
// called. A zero mac is the interface's own.
func (r *Responder) Reopen(ifi *net.Interface, mac frame.MAC) error {
	mac, own, err := addresses(ifi, mac)
	if err != nil {
		return err
	}
	sock, err := open(ifi, mac)
	if err != nil {
		return fmt.Errorf("open %s for ARP: %w", ifi.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return errors.Join(fmt.Errorf("open %s for ARP: still running on %s", ifi.Name, r.name), sock.Close())
	}
	if r.sock != nil {
		_ = r.sock.Close() // an unused one; nothing of it is lost
	}
	r.name, r.sock = ifi.Name, sock
	r.machine.SetMAC(time.Now(), mac, own)
	return nil
}

// SetVIPs replaces the set of VIPs; addresses other than IPv4 are skipped.
func (r *Responder) SetVIPs(vips []netip.Addr) {
	r.change(func(now time.Time) []Action { return r.machine.SetVIPs(now, vips) })
}

// SetRealServers replaces the MAC addresses of the real servers and their names.
func (r *Responder) SetRealServers(names map[frame.MAC]string) {
	r.change(func(now time.Time) []Action { return r.machine.SetRealServers(now, names) })
}

// Announce repeats the announcements of all claimed VIPs. The responder does
// so by itself when its link comes back; call it when the director became
// active in another way.
func (r *Responder) Announce() {
	r.change(r.machine.Announce)
}

// change does what fn asks for and wakes Run to send and report it.
func (r *Responder) change(fn func(time.Time) []Action) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, fn(time.Now())...)
	r.wake()
}

// wake ends a pending read. r.mu is held.
func (r *Responder) wake() {
	if r.sock != nil {
		_ = r.sock.SetReadDeadline(aLongTimeAgo) // fails only when closed, which ends the read too
	}
}

// Status returns all VIPs, by address.
func (r *Responder) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machine.Status()
}

// Stats returns the counters of received frames.
func (r *Responder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machine.Stats()
}

// SendErrors returns how many frames the kernel did not take.
func (r *Responder) SendErrors() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sendErrors
}

// Close closes the socket. Run, if it is running, returns ErrNotOpen.
func (r *Responder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close()
}

// close closes the socket. r.mu is held.
func (r *Responder) close() error {
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

// Run probes, claims, answers and defends until ctx is done, and then returns
// nil. It survives a link that goes down and comes back. When the interface is
// deleted it returns an error that wraps ErrInterfaceGone. The socket is closed
// when Run returns.
func (r *Responder) Run(ctx context.Context) error {
	r.mu.Lock()
	if r.running || r.sock == nil {
		running := r.running
		r.mu.Unlock()
		if running {
			return errors.New("run ARP responder: already running")
		}
		return fmt.Errorf("run ARP responder: %w", ErrNotOpen)
	}
	r.running = true
	loop := &loop{Responder: r, sock: r.sock, name: r.name, down: true}
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
		return fmt.Errorf("answer ARP on %s: %w", loop.name, err)
	}
	return nil
}

// timedOut reports whether a read ended because something is to be done.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
