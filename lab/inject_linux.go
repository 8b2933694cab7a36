package lab

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Inject sends a frame out of the interface as it is, malformed or not, from
// the destination MAC on. It passes no queue discipline and no packet filter of
// this node. A frame longer than the MTU (and header) is EMSGSIZE.
func (i *Interface) Inject(frame []byte) error {
	fd, err := i.packetSocket(0)
	if err != nil {
		return fmt.Errorf("%s: inject: %w", i, err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		return fmt.Errorf("%s: inject: %w", i, err)
	}
	if _, err := unix.Write(fd, frame); err != nil {
		return fmt.Errorf("%s: inject %d bytes: %w", i, len(frame), err)
	}
	return nil
}

// InjectFrame is Interface(name).Inject.
func (h *Host) InjectFrame(name string, frame []byte) error {
	return h.Interface(name).Inject(frame)
}
