package afxdp

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
	"lvsdr/internal/offheap"
)

// Sizes of the region, and of what is in it.
const (
	chunkSize = 2048 // XDP_UMEM_MIN_CHUNK_SIZE; one frame
	// metadataLen is what a chunk has before its frame, for what the kernel is told
	// about it: struct xsk_tx_metadata, 24 bytes, and its alignment.
	metadataLen = 32
	// chunks is how many frames may be on their way: as many as a network card's
	// ring usually has places for, and gives back late.
	chunks = 2048
	// queueLen is how many frames one Flush sends at most.
	queueLen = 256
	// fillLen is the length of a ring that the kernel asks for and nobody uses.
	fillLen = 2
	// sendQueue is the room that the socket accounts frames in. It counts socket
	// buffers, which are several times the size of a short frame.
	sendQueue = 8 << 20
)

// The kernel lets go of a closed socket's queue in the background.
const (
	busyPatience = 150 * time.Millisecond
	busyPause    = 5 * time.Millisecond
)

// newSocket makes the socket with its region, 4 MiB, and rings. What was opened
// before an error stays in s.
func (s *Sender) newSocket(c *Config) (err error) {
	s.fd, err = unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("AF_XDP socket: %w (it needs CAP_NET_RAW)", err)
	case errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("AF_XDP socket: %w (CONFIG_XDP_SOCKETS, and RestrictAddressFamilies of a unit)", err)
	case err != nil:
		return fmt.Errorf("AF_XDP socket: %w", err)
	}
	if err := s.newRegion(); err != nil {
		return err
	}
	for _, o := range []struct {
		name       string
		key, value int
	}{
		{"XDP_UMEM_FILL_RING", unix.XDP_UMEM_FILL_RING, fillLen},
		{"XDP_UMEM_COMPLETION_RING", unix.XDP_UMEM_COMPLETION_RING, chunks},
		{"XDP_TX_RING", unix.XDP_TX_RING, queueLen},
	} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_XDP, o.key, o.value); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	// One call sends so many frames. A kernel that cannot does not tell after each
	// call how many it took, either.
	if err := unix.SetsockoptInt(s.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, queueLen); err != nil {
		return fmt.Errorf("XDP_MAX_TX_SKB_BUDGET: %w (Linux 6.17 has it)", err)
	}
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendQueue) != nil {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendQueue)
	}
	return s.bind(c)
}

// newRegion sets the region aside.
func (s *Sender) newRegion() (err error) {
	if s.region, err = offheap.Make[byte](&s.pages, chunks*chunkSize); err != nil {
		return err
	}
	err = register(s.fd, s.region)
	if errors.Is(err, unix.ENOBUFS) {
		return fmt.Errorf("%w (it locks %d MiB: RLIMIT_MEMLOCK, or CAP_IPC_LOCK)", err, len(s.region)>>20)
	}
	return err
}

func (s *Sender) bind(c *Config) error {
	at, err := offsets(s.fd)
	if err != nil {
		return err
	}
	if s.queue, err = mapRing[unix.XDPDesc](s.fd, unix.XDP_PGOFF_TX_RING, at.Tx, queueLen); err != nil {
		return err
	}
	if s.done, err = mapRing[uint64](s.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, at.Cr, chunks); err != nil {
		return err
	}
	address := &unix.SockaddrXDP{Flags: unix.XDP_COPY, Ifindex: uint32(c.Index), QueueID: uint32(c.Queue)}
	for began := time.Now(); ; time.Sleep(busyPause) {
		switch err := unix.Bind(s.fd, address); {
		case err == nil:
			return nil
		case errors.Is(err, unix.ENODEV):
			return link.ErrGone
		case errors.Is(err, unix.EINVAL):
			return fmt.Errorf("transmit queue %d: %w (the interface has not as many)", c.Queue, err)
		case !errors.Is(err, unix.EBUSY):
			return fmt.Errorf("bind to transmit queue %d: %w", c.Queue, err)
		case time.Since(began) > busyPatience:
			return fmt.Errorf("transmit queue %d: %w", c.Queue, ErrBusy)
		}
	}
}

// closeSocket frees what newSocket made.
func (s *Sender) closeSocket() error {
	var errs []error
	if s.fd >= 0 {
		errs = append(errs, unix.Close(s.fd))
	}
	errs = append(errs, s.queue.close(), s.done.close(), s.pages.Free())
	return errors.Join(errs...)
}
