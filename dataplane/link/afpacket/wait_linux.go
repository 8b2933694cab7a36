package afpacket

import (
	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

const (
	// napTime and napFrames are the adaptive nap: a worker that found so many
	// frames before the ring ran dry sleeps this long rather than wait to be
	// woken for the very next frame.
	napTime   = 200_000 // ns
	napFrames = 4

	// glanceTime is how long a worker that just had frames waits for the next one
	// without telling Go's scheduler.
	glanceTime = 100_000 // ns

	// tick is how long a worker sleeps, in ms, before it looks whether the
	// interface still exists; while the interface is down, more often.
	tick     = 1000
	downTick = 50

	// spinTurns is how often a spinning worker looks at the ring between two
	// looks at the socket: about 100 µs.
	spinTurns = 1 << 15
)

// wait returns when there may be something to do: a frame, an interrupt, or
// nothing at all.
func (r *Receiver) wait() error {
	some, burst := r.sinceDry > 0, r.sinceDry >= napFrames
	r.sinceDry = 0
	switch {
	case r.down:
		return r.sleep(downTick)
	case r.poll == PollSpin:
		return r.spin()
	case r.poll == PollAdaptive && burst:
		nap() // cut short by a signal: just as good
		return nil
	case some:
		if n, errno := glance(&r.pollSet); errno != 0 || n > 0 {
			return r.polled(n, errno, 0)
		}
	}
	return r.sleep(tick)
}

// spin looks at the ring's next slot until it is filled.
func (r *Receiver) spin() error {
	for range spinTurns {
		if r.ring.ready() || r.interrupted.Load() {
			return nil
		}
	}
	return r.sleep(0)
}

// sleep waits in poll(2) for at most the given number of milliseconds.
func (r *Receiver) sleep(timeout int) error {
	n, err := unix.Poll(r.pollSet[:], timeout)
	errno, _ := err.(unix.Errno) // that is all it returns
	return r.polled(n, errno, timeout)
}

// polled looks at what poll(2) said after so many milliseconds.
func (r *Receiver) polled(n int, errno unix.Errno, timeout int) error {
	switch {
	case errno == unix.EINTR:
		return nil
	case errno != 0:
		return errno
	case n == 0 && timeout > 0 && gone(r.fd):
		return link.ErrGone
	case r.pollSet[0].Revents&unix.POLLERR == 0:
		return nil
	}
	return r.socketError()
}

// socketError takes the error that poll announced off the socket.
func (r *Receiver) socketError() error {
	code, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	switch errno := unix.Errno(code); errno {
	case 0:
		return nil
	case unix.ENETDOWN:
		return r.lost()
	case unix.ENXIO, unix.ENODEV:
		return link.ErrGone
	default:
		return errno
	}
}

// lost says whether an interface that went down is still there.
func (r *Receiver) lost() error {
	if gone(r.fd) {
		return link.ErrGone
	}
	r.down = true
	return link.ErrDown
}
