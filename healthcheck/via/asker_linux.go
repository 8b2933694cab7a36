package via

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// asker asks the kernel for one route at a time, as `ip route get fibmatch` does,
// with two system calls and hardly an allocation: probes wait for it. It is for
// one goroutine at a time.
type asker struct {
	fd       int
	sequence uint32
	request  []byte
	reply    []byte
}

// errNoRoute: the kernel would send nothing there.
var errNoRoute = errors.New("no route")

// netlinkHeader is the size of struct nlmsghdr: length, type, flags, sequence
// number, port.
const netlinkHeader = 16

func openAsker() (*asker, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", os.NewSyscallError("socket", err))
	}
	// The kernel answers before sendto returns; no answer must not stop all probes.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("rtnetlink: %w", os.NewSyscallError("setsockopt SO_RCVTIMEO", err))
	}
	return &asker{fd: fd, reply: make([]byte, 4096)}, nil
}

func (a *asker) close() error {
	fd := a.fd
	a.fd = -1
	return os.NewSyscallError("close", unix.Close(fd))
}

// ask returns the route that a socket with the mark takes to an address; without
// one, errNoRoute.
func (a *asker) ask(to netip.Addr, mark uint32) (route, error) {
	a.write(to, mark)
	if err := unix.Sendto(a.fd, a.request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return route{}, fmt.Errorf("route to %v: %w", to, os.NewSyscallError("sendto", err))
	}
	for {
		n, _, err := unix.Recvfrom(a.fd, a.reply, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return route{}, fmt.Errorf("route to %v: %w", to, os.NewSyscallError("recvfrom", err))
		}
		message := a.reply[:n]
		// What came too late for the question before.
		if n < netlinkHeader || native.Uint32(message[8:]) != a.sequence {
			continue
		}
		return readRoute(to, message)
	}
}

// readRoute reads the answer to a question.
func readRoute(to netip.Addr, message []byte) (route, error) {
	body := message[netlinkHeader:]
	switch kind := native.Uint16(message[4:]); {
	case kind == unix.NLMSG_ERROR && len(body) >= 4:
		return route{}, fmt.Errorf("%w to %v: %w", errNoRoute, to, unix.Errno(-int32(native.Uint32(body))))
	case kind != unix.RTM_NEWROUTE || len(body) < routeHeader:
		return route{}, fmt.Errorf("route to %v: %w", to, errNoAnswer)
	}
	attrs, err := netlink.NewAttributeDecoder(body[routeHeader:])
	if err != nil {
		return route{}, err
	}
	f := decodeRoute(body[:routeHeader], attrs)
	return f.route, attrs.Err()
}

// write makes the request for a route.
func (a *asker) write(to netip.Addr, mark uint32) {
	a.sequence++
	b := append(a.request[:0], make([]byte, netlinkHeader+routeHeader)...)
	native.PutUint16(b[4:], unix.RTM_GETROUTE)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST)
	native.PutUint32(b[8:], a.sequence)
	b[netlinkHeader], b[netlinkHeader+1] = family(to), byte(to.BitLen())
	native.PutUint32(b[netlinkHeader+8:], unix.RTM_F_FIB_MATCH)
	if to.Is4() {
		addr := to.As4()
		b = appendAttribute(b, unix.RTA_DST, addr[:])
	} else {
		addr := to.As16()
		b = appendAttribute(b, unix.RTA_DST, addr[:])
	}
	b = appendAttribute(b, unix.RTA_MARK, native.AppendUint32(nil, mark))
	native.PutUint32(b, uint32(len(b)))
	a.request = b
}

// appendAttribute adds a struct rtattr; the length of what it has is a multiple
// of four.
func appendAttribute(b []byte, kind uint16, data []byte) []byte {
	b = native.AppendUint16(b, uint16(4+len(data)))
	b = native.AppendUint16(b, kind)
	return append(b, data...)
}
