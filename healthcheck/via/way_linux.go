package via

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"lvsdr/healthcheck"
)

// Way is how probes travel to one real server, whatever it has been set to by the
// time of each. While there is no way, they fail and say why.
func (w *Ways) Way(server netip.Addr) healthcheck.Way {
	return healthcheck.Way{
		Control: func(network, address string, c syscall.RawConn) error {
			l, err := w.inspected(server, address)
			if err != nil {
				return err
			}
			var failed error
			if err := c.Control(func(fd uintptr) { failed = prepare(int(fd), network, mark(l.number)) }); err != nil {
				return err
			}
			return failed
		},
		Cgroup: func() (*os.File, error) { return w.cgroup(server) },
	}
}

// prepare marks a socket. The connections of all probes of a VIP have the same far
// end, whichever server has it, so that each in TIME_WAIT keeps a port of ours from
// all servers for a minute, and 28,000 ports last for 470 probes a second: they end
// with RST instead.
func prepare(fd int, network string, mark uint32) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
		return fmt.Errorf("mark a probe: %w", os.NewSyscallError("setsockopt SO_MARK", err))
	}
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	return os.NewSyscallError("setsockopt SO_LINGER", err)
}

func (w *Ways) lane(server netip.Addr) (lane, error) {
	l, known := (*w.lanes.Load())[server]
	switch {
	case !known:
		return l, fmt.Errorf("no way to %v", server)
	case l.err != nil:
		// Not wrapped: of a system call's error a check says nothing but that.
		return l, fmt.Errorf("no way to %v: %v", server, l.err)
	}
	return l, nil
}

func (w *Ways) cgroup(server netip.Addr) (*os.File, error) {
	l, err := w.inspected(server, "")
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.groups.has[l.number] {
		return nil, fmt.Errorf("no control group for programs that ask %v", server)
	}
	return w.groups.file(l.number)
}
