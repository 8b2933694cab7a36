package lab

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Injector sends frames out of an interface over one socket, for who sends many:
// closing a packet socket takes the kernel milliseconds. Its methods may be called
// from any goroutine.
type Injector struct {
	name string
	fd   int
	once sync.Once
}

// Injector opens one; the lab's Close closes it.
func (i *Interface) Injector() (*Injector, error) {
	fd, err := i.packetSocket(0)
	if err != nil {
		return nil, fmt.Errorf("%s: inject: %w", i, err)
	}
	n := &Injector{name: i.String(), fd: fd}
	return n, i.lab.onClose(n.Close)
}

// Inject sends a frame out of the interface as it is, malformed or not, from
// the destination MAC on. Captures of this interface see it, and the egress
// hook of the node's packet filter. A frame longer than the MTU (and header) is
// EMSGSIZE, one shorter than an Ethernet header is padded or EINVAL.
func (n *Injector) Inject(frame []byte) error {
	if _, err := unix.Write(n.fd, frame); err != nil {
		return fmt.Errorf("%s: inject %d bytes: %w", n.name, len(frame), err)
	}
	return nil
}

// Close closes the socket. Nothing may be sent any more.
func (n *Injector) Close() (err error) {
	n.once.Do(func() { err = unix.Close(n.fd) })
	return err
}

// Inject sends one frame, as [Injector.Inject] does.
func (i *Interface) Inject(frame []byte) error {
	fd, err := i.packetSocket(0)
	if err != nil {
		return fmt.Errorf("%s: inject: %w", i, err)
	}
	n := Injector{name: i.String(), fd: fd}
	defer n.Close()
	return n.Inject(frame)
}

// InjectFrame is Interface(name).Inject.
func (h *Host) InjectFrame(name string, frame []byte) error {
	return h.Interface(name).Inject(frame)
}
