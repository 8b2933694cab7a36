package arp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"lvsdr/frame"
)

// Config is what a [Station] is made of; E is the type of its machine's events.
type Config[E Action] struct {
	// Machine decides what is said. From now on it is touched only within
	// [Station.Change] and [Station.Look].
	Machine Machine
	// Purpose is what the machine is for, in errors and logs: "answer ARP".
	Purpose string
	// Report is called for each event, by the goroutine of Run. It must not
	// block; it may call the station.
	Report func(E)
	// Log defaults to slog.Default. Changes of the link are a line each.
	Log *slog.Logger
	// Listen opens the socket; the default is [Listen].
	Listen func(ifi *net.Interface, mac frame.MAC) (Socket, error)
}

// Station runs a machine on one interface. Its methods may be called from any
// goroutine.
type Station[E Action] struct {
	purpose string
	report  func(E)
	log     *slog.Logger
	listen  func(*net.Interface, frame.MAC) (Socket, error)

	mu         sync.Mutex // guards the rest
	machine    Machine
	pending    []Action
	name       string // of the interface
	sock       Socket // nil: not open
	running    bool
	sendErrors uint64
}

// aLongTimeAgo is a deadline that has passed.
var aLongTimeAgo = time.Unix(1, 0)

// NewStation returns a station that is not open yet.
func NewStation[E Action](c Config[E]) *Station[E] {
	s := &Station[E]{purpose: c.Purpose, report: c.Report, log: c.Log, listen: c.Listen, machine: c.Machine}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.listen == nil {
		s.listen = Listen
	}
	s.machine.SetLink(time.Now(), false) // until Run has looked at it
	return s
}

// Open opens the socket on an interface, of which Index, Name and HardwareAddr
// are used; needed are CAP_NET_RAW and the interface's network namespace in the
// calling thread. A zero mac is the interface's own. Nothing is sent before Run.
//
// It is called again after Run has returned, as for an interface that was made
// again; the machine keeps what it knows.
func (s *Station[E]) Open(ifi *net.Interface, mac frame.MAC) error {
	if ifi == nil {
		return fmt.Errorf("open an interface to %s: none is given", s.purpose)
	}
	if err := s.open(ifi, mac); err != nil {
		return fmt.Errorf("open %s to %s: %w", ifi.Name, s.purpose, err)
	}
	return nil
}

func (s *Station[E]) open(ifi *net.Interface, mac frame.MAC) error {
	var own frame.MAC
	if len(ifi.HardwareAddr) != len(own) {
		return errors.New("not an Ethernet interface")
	}
	own = frame.MAC(ifi.HardwareAddr)
	if mac.IsZero() {
		mac = own
	}
	if !mac.IsUnicast() {
		return fmt.Errorf("%s is not a unicast MAC address", mac)
	}
	sock, err := s.listen(ifi, mac)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return errors.Join(fmt.Errorf("still running on %s", s.name), sock.Close())
	}
	if s.sock != nil {
		_ = s.sock.Close() // an unused one; nothing of it is lost
	}
	s.name, s.sock = ifi.Name, sock
	s.pending = append(s.pending, s.machine.SetMAC(time.Now(), mac, own)...)
	return nil
}

// Change lets fn change the machine, and wakes Run to do what is then to be
// done.
func (s *Station[E]) Change(fn func(now time.Time) []Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, fn(time.Now())...)
	s.wake()
}

// Look lets fn read what the machine knows.
func (s *Station[E]) Look(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// wake ends a pending read. s.mu is held.
func (s *Station[E]) wake() {
	if s.sock != nil {
		_ = s.sock.SetReadDeadline(aLongTimeAgo) // fails only when closed, which ends the read too
	}
}

// Interface returns the name of the interface that was opened last.
func (s *Station[E]) Interface() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name
}

// SendErrors returns how many frames the kernel did not take.
func (s *Station[E]) SendErrors() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendErrors
}

// Close closes the socket. Run, if it is running, returns ErrNotOpen.
func (s *Station[E]) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

// close closes the socket. s.mu is held.
func (s *Station[E]) close() error {
	if s.sock == nil {
		return nil
	}
	err := s.sock.Close()
	s.sock = nil
	if err != nil {
		return fmt.Errorf("close %s: %w", s.name, err)
	}
	return nil
}

// Run drives the machine until ctx is done, and then returns nil. It survives a
// link that goes down and comes back. When the interface is deleted it returns
// an error that wraps ErrInterfaceGone. The socket is closed when Run returns.
func (s *Station[E]) Run(ctx context.Context) error {
	l, err := s.start()
	if err != nil {
		return fmt.Errorf("%s: %w", s.purpose, err)
	}
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wake()
	})
	defer stop()
	err = l.run(ctx)
	if cerr := s.stopped(); err == nil && cerr != nil {
		return cerr
	}
	if err != nil {
		return fmt.Errorf("%s on %s: %w", s.purpose, l.name, err)
	}
	return nil
}

func (s *Station[E]) start() (*loop[E], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return nil, errors.New("already running")
	}
	if s.sock == nil {
		return nil, ErrNotOpen
	}
	s.running = true
	return &loop[E]{Station: s, sock: s.sock, name: s.name, down: true}, nil
}

// stopped makes the station ready for the next Open.
func (s *Station[E]) stopped() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	s.pending = append(s.pending, s.machine.SetLink(time.Now(), false)...)
	// Packets have had their time; what there is to report waits for the next Run.
	s.pending = slices.DeleteFunc(s.pending, func(a Action) bool { _, send := a.(Send); return send })
	return s.close()
}
