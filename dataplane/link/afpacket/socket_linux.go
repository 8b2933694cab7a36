package afpacket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

// device is what the kernel says about the interface a socket is bound to.
type device struct {
	index int
	mac   [6]byte
}

// newSocket makes a packet socket that receives nothing until it is bound to
// a protocol, and finds the interface's index.
func newSocket(name string, index int) (fd, ifindex int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) {
		return -1, 0, fmt.Errorf("packet socket: %w (it needs CAP_NET_RAW)", err)
	}
	if err != nil {
		return -1, 0, fmt.Errorf("packet socket: %w", err)
	}
	if index == 0 {
		if index, err = interfaceIndex(fd, name); err != nil {
			_ = unix.Close(fd)
			return -1, 0, err
		}
	}
	return fd, index, nil
}

// interfaceIndex asks in the socket's own network namespace. An interface that
// is not there is link.ErrGone.
func interfaceIndex(fd int, name string) (int, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("interface name %q: %w", name, err)
	}
	err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr)
	if errors.Is(err, unix.ENODEV) {
		return 0, link.ErrGone
	}
	if err != nil {
		return 0, fmt.Errorf("interface index: %w", err)
	}
	return int(ifr.Uint32()), nil
}

// bind attaches the socket to one interface. Protocol 0: for sending only.
func bind(fd, index int, protocol uint16) (device, error) {
	err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: index})
	if errors.Is(err, unix.ENODEV) {
		return device{}, link.ErrGone
	}
	if err != nil {
		return device{}, fmt.Errorf("bind: %w", err)
	}
	addr, err := boundAddress(fd)
	if err != nil {
		return device{}, err
	}
	if addr.Hatype != unix.ARPHRD_ETHER && addr.Hatype != unix.ARPHRD_LOOPBACK {
		return device{}, fmt.Errorf("not an Ethernet interface (hardware type %d)", addr.Hatype)
	}
	return device{index: addr.Ifindex, mac: [6]byte(addr.Addr[:6])}, nil
}

func boundAddress(fd int) (*unix.SockaddrLinklayer, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil, fmt.Errorf("getsockname: %w", err)
	}
	addr, ok := sa.(*unix.SockaddrLinklayer)
	if !ok {
		return nil, fmt.Errorf("getsockname: got %T", sa)
	}
	return addr, nil
}

// gone reports whether the interface was deleted: the kernel then unbinds the
// socket, without a word to a socket whose interface was already down.
func gone(fd int) bool {
	addr, err := boundAddress(fd)
	return err == nil && addr.Ifindex <= 0
}

func attachFilter(fd int, prog []bpf.Instruction) error {
	raw, err := bpf.Assemble(prog)
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, ins := range raw {
		code[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

// option is one integer socket option of a packet socket.
type option struct {
	name  string
	key   int
	value int
}

func setOptions(fd int, opts ...option) error {
	for _, o := range opts {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o.key, o.value); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

// setBuffer sets a buffer of the socket, past the system's limit if we may
// (CAP_NET_ADMIN), else up to it.
func setBuffer(fd, force, plain, bytes int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bytes) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, bytes)
}

// interfaceName names the interface in errors and logs.
func interfaceName(name string, index int) string {
	if name == "" {
		return "interface " + strconv.Itoa(index)
	}
	return name
}

// fanoutGroup is a number that the workers of one process agree on for an
// interface, and that two processes rarely share.
func fanoutGroup(index int) uint16 { return uint16(os.Getpid()*31 + index) }

func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
