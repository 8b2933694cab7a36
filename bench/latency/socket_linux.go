package latency

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// payload is a datagram's length: with it, a frame has the least size of Ethernet.
// It begins with the datagram's number.
const payload = 18

// socket is a client's UDP socket. It belongs to one thread.
type socket struct {
	fd      int
	out     [payload]byte
	message *message
	pollSet [1]unix.PollFd
}

// openSocket opens a socket from an address to another, in the calling thread's
// network.
func openSocket(from, to netip.AddrPort) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	s := &socket{fd: fd, message: newMessage()}
	s.pollSet[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	if err := s.set(from, to); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return s, nil
}

func (s *socket) set(from, to netip.AddrPort) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1); err != nil {
		return fmt.Errorf("have the kernel note when answers come (SO_TIMESTAMPNS, Linux 5.1): %w", err)
	}
	if err := unix.Bind(s.fd, &unix.SockaddrInet4{Port: int(from.Port()), Addr: from.Addr().As4()}); err != nil {
		return fmt.Errorf("bind to %v: %w", from, err)
	}
	if err := unix.Connect(s.fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return fmt.Errorf("connect to %v: %w", to, err)
	}
	return nil
}

// send sends the datagram of a number. What the network reported of earlier ones
// and what it has no room for is no error: no answer will come.
func (s *socket) send(number uint64) error {
	binary.BigEndian.PutUint64(s.out[:], number)
	switch err := transmit(s.fd, s.out[:]); err {
	case nil, unix.EAGAIN, unix.EINTR, unix.ENOBUFS, unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH:
		return nil
	default:
		return fmt.Errorf("send: %w", err)
	}
}

// receive takes an answer, if there is one: its number, and for how long the kernel
// has had it.
func (s *socket) receive() (number uint64, ago time.Duration, ok bool, err error) {
	data, control, err := s.message.receive(s.fd)
	switch err {
	case nil:
	case unix.EAGAIN, unix.EINTR, unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH:
		return 0, 0, false, nil
	default:
		return 0, 0, false, fmt.Errorf("receive: %w", err)
	}
	if len(data) != payload {
		return 0, 0, false, nil
	}
	return binary.BigEndian.Uint64(data), sinceStamp(control, time.Now()), true, nil
}

// sinceStamp returns how long ago the kernel had the datagram, by the clock of the
// day: a control message of struct timespec, of 64 bits each. 0 if it does not say
// so, or if the clock was set back meanwhile.
func sinceStamp(control []byte, now time.Time) time.Duration {
	body := unix.CmsgLen(0)
	if len(control) < body+16 {
		return 0
	}
	level := int32(binary.NativeEndian.Uint32(control[body-8:]))
	kind := int32(binary.NativeEndian.Uint32(control[body-4:]))
	if level != unix.SOL_SOCKET || kind != unix.SO_TIMESTAMPNS_NEW {
		return 0
	}
	seconds := int64(binary.NativeEndian.Uint64(control[body:]))
	ns := int64(binary.NativeEndian.Uint64(control[body+8:]))
	return max(0, now.Sub(time.Unix(seconds, ns)))
}

// wait sleeps until an answer is there, for at most some time.
func (s *socket) wait(longest time.Duration) error {
	timeout := unix.NsecToTimespec(int64(max(longest, 0)))
	_, err := unix.Ppoll(s.pollSet[:], &timeout, nil)
	if err != nil && err != unix.EINTR {
		return fmt.Errorf("wait for an answer: %w", err)
	}
	return nil
}

func (s *socket) close() error { return unix.Close(s.fd) }
