//go:build linux

package latency

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// transmit sends a datagram from a socket that does not block, without the
// scheduler's knowledge: it returns soon, and the thread goes on at once. Errors
// are the system's.
func transmit(fd int, data []byte) error {
	_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)))
	if errno != 0 {
		return errno
	}
	return nil
}

// message is what a receive call fills, made once: the library's own call makes
// an address for each datagram, and the garbage collector would be in the figures.
type message struct {
	data    [128]byte
	control [64]byte
	vector  unix.Iovec
	header  unix.Msghdr
}

func newMessage() *message {
	m := new(message)
	m.vector.Base = &m.data[0]
	m.vector.SetLen(len(m.data))
	m.header.Iov = &m.vector
	m.header.SetIovlen(1)
	m.header.Control = &m.control[0]
	return m
}

// receive takes one datagram from a socket, as transmit sends one: EAGAIN if there is
// none.
func (m *message) receive(fd int) (data, control []byte, err error) {
	m.header.SetControllen(len(m.control))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.header)), 0)
	if errno != 0 {
		return nil, nil, errno
	}
	return m.data[:n], m.control[:m.header.Controllen], nil
}
