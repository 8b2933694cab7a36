package arp

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is the edge to the segment. Package arptest has one for tests.
type Socket interface {
	io.ReadWriteCloser // one frame each
	// SetReadDeadline ends a pending Read with os.ErrDeadlineExceeded at t.
	SetReadDeadline(t time.Time) error
	// Up reports whether the interface is up and has a carrier. The error is
	// ErrInterfaceGone when there is no such interface any more.
	Up() (bool, error)
}

// Sentinels of [Station.Run].
var (
	// ErrInterfaceGone says that the interface was deleted, or moved to another
	// network namespace. Open its successor and Run again.
	ErrInterfaceGone = errors.New("interface is gone")
	// ErrNotOpen says that there is no socket: it was never opened, or closed,
	// or Run has returned, which closes it.
	ErrNotOpen = errors.New("not open")
)

// isDown reports whether err is that of an interface that is not up, or that
// may be gone.
func isDown(err error) bool {
	return errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV)
}

// timedOut reports whether a read ended because something is to be done.
func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
