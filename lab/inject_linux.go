package lab

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Inject sends a frame out of the interface as it is, malformed or not, from
// the destination MAC on. Captures of this interface see it, and the egress
// hook of the node's packet filter. A frame longer than the MTU (and header) is
// EMSGSIZE, one shorter than an Ethernet header is padded or EINVAL.
func (i *Interface) Inject(frame []byte) error {
	fd, err := i.packetSocket(0)
	if err != nil {
		return fmt.Errorf("%s: inject: %w", i, err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, frame); err != nil {
		return fmt.Errorf("%s: inject %d bytes: %w", i, len(frame), err)
	}
	return nil
}

// InjectFrame is Interface(name).Inject.
func (h *Host) InjectFrame(name string, frame []byte) error {
	return h.Interface(name).Inject(frame)
}
