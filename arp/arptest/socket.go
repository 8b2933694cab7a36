package arptest

import (
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/arp"
	"lvsdr/frame"
)

// Sent is a packet that was sent.
type Sent struct {
	arp.Packet
	At time.Time
}

// Socket is an [arp.Socket] that can be opened again and again. It uses the clock of package
// time, so that one made in a synctest bubble lives in that bubble's time.
type Socket struct {
	in   chan []byte
	errs chan error
	wake chan struct{}

	mu       sync.Mutex // guards the rest
	shut     chan struct{}
	deadline time.Time
	sent     []Sent
	up       bool
	upErr    error
}

// NewSocket returns a socket that is not open.
func NewSocket() *Socket {
	return &Socket{in: make(chan []byte), errs: make(chan error), wake: make(chan struct{}, 1)}
}

// Listen opens the socket, with its link up, for [arp.Config].
func (s *Socket) Listen(*net.Interface, frame.MAC) (arp.Socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut, s.up, s.upErr = make(chan struct{}), true, nil
	return s, nil
}

// Deliver gives a frame to the reader and returns when it has it.
func (s *Socket) Deliver(b []byte) { s.in <- b }

// Fail makes one Read return err, and returns when it has.
func (s *Socket) Fail(err error) { s.errs <- err }

// SetLink sets what Up returns. While up is false, nothing can be sent.
func (s *Socket) SetLink(up bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up, s.upErr = up, err
}

// Take returns what was sent since the last call.
func (s *Socket) Take() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

// Read waits for a frame, an error or the deadline.
func (s *Socket) Read(b []byte) (int, error) {
	for {
		s.mu.Lock()
		left, shut := time.Until(s.deadline), s.shut
		s.mu.Unlock()
		if left <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		select {
		case p := <-s.in:
			return copy(b, p), nil
		case err := <-s.errs:
			return 0, err
		case <-shut:
			return 0, net.ErrClosed
		case <-timer.C:
		case <-s.wake:
		}
		timer.Stop()
	}
}

// Write sends a frame, which must be ARP.
func (s *Socket) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.up {
		return 0, unix.ENETDOWN
	}
	p, err := arp.Decode(b)
	if err != nil {
		return 0, err
	}
	s.sent = append(s.sent, Sent{p, time.Now()})
	return len(b), nil
}

// SetReadDeadline ends a pending Read at t.
func (s *Socket) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// Up returns what SetLink set.
func (s *Socket) Up() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up, s.upErr
}

// Close ends a pending Read.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.shut)
	return nil
}
