package memhost

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/arp"
	"lvsdr/frame"
)

// socket is an arp.Socket on the segment of an interface.
type socket struct {
	iface *Interface
	index int       // of the interface when it was opened
	mac   frame.MAC // that it receives for, beside broadcasts
	wake  chan struct{}

	// Guarded by the host's lock.
	deadline time.Time
	in       [][]byte
	down     bool // a Read is to say so
	closed   bool
}

// listen opens a socket. See arp.Config.
func (h *Host) listen(ifi *net.Interface, mac frame.MAC) (arp.Socket, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.byIndex(ifi.Index)
	if i == nil {
		return nil, unix.ENODEV
	}
	s := &socket{iface: i, index: i.index, mac: mac, wake: make(chan struct{}, 1), down: !i.up}
	i.sockets[s] = true
	return s, nil
}

// deliver gives p to all sockets that receive it. The host's lock is held.
func (i *Interface) deliver(p arp.Packet) {
	if !i.up || !i.carrier {
		return
	}
	b, err := p.Encode()
	if err != nil {
		return
	}
	for s := range i.sockets {
		if s.index == i.index && (p.Destination == s.mac || p.Destination.IsMulticast()) {
			s.in = append(s.in, b)
			s.ring()
		}
	}
}

// ask lets the neighbour that p asks for answer. The host's lock is held.
func (i *Interface) ask(p arp.Packet) {
	if p.Operation == arp.Request {
		i.askers[p.TargetIP] = p.SenderIP
	}
	mac, known := i.neighbors[p.TargetIP]
	if !known || p.Operation != arp.Request || p.Destination != mac && !p.Destination.IsMulticast() {
		return
	}
	i.deliver(arp.Packet{
		Destination: p.Source, Source: mac, Operation: arp.Reply,
		SenderMAC: mac, SenderIP: p.TargetIP, TargetMAC: p.SenderMAC, TargetIP: p.SenderIP,
	})
}

// gone reports whether the interface was deleted since s was opened.
func (s *socket) gone() bool { return !s.iface.exists || s.iface.index != s.index }

func (s *socket) linkChanged() {
	s.down = !s.iface.up
	s.ring()
}

func (s *socket) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Read waits for a frame, a link that goes down, or the deadline.
func (s *socket) Read(b []byte) (int, error) {
	for {
		n, left, err := s.read(b)
		if n > 0 || err != nil {
			return n, err
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-s.wake:
		}
		timer.Stop()
	}
}

func (s *socket) read(b []byte) (n int, left time.Duration, err error) {
	s.iface.host.mu.Lock()
	defer s.iface.host.mu.Unlock()
	if left = time.Hour; !s.deadline.IsZero() {
		left = time.Until(s.deadline)
	}
	switch {
	case s.closed:
		return 0, 0, net.ErrClosed
	case left <= 0:
		return 0, 0, os.ErrDeadlineExceeded
	case s.gone():
		return 0, 0, unix.ENXIO
	case s.iface.host.failures[ReadARP] != nil:
		return 0, 0, s.iface.host.failures[ReadARP]
	case s.down:
		s.down = false
		return 0, 0, unix.ENETDOWN
	case len(s.in) > 0:
		n = copy(b, s.in[0])
		s.in = s.in[1:]
	}
	return n, left, nil
}

// Write sends a frame, which must be ARP.
func (s *socket) Write(b []byte) (int, error) {
	s.iface.host.mu.Lock()
	defer s.iface.host.mu.Unlock()
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case s.gone():
		return 0, unix.ENXIO
	case !s.iface.up:
		return 0, unix.ENETDOWN
	}
	p, err := arp.Decode(b)
	if err != nil {
		return 0, fmt.Errorf("write: %w", err)
	}
	s.iface.ask(p)
	return len(b), nil
}

// SetReadDeadline ends a pending Read at t.
func (s *socket) SetReadDeadline(t time.Time) error {
	s.iface.host.mu.Lock()
	defer s.iface.host.mu.Unlock()
	s.deadline = t
	s.ring()
	return nil
}

// Up reports whether the interface is up and has a carrier.
func (s *socket) Up() (bool, error) {
	s.iface.host.mu.Lock()
	defer s.iface.host.mu.Unlock()
	if s.gone() {
		return false, arp.ErrInterfaceGone
	}
	return s.iface.up && s.iface.carrier, nil
}

// Close ends a pending Read.
func (s *socket) Close() error {
	s.iface.host.mu.Lock()
	defer s.iface.host.mu.Unlock()
	s.closed = true
	delete(s.iface.sockets, s)
	s.ring()
	return nil
}
