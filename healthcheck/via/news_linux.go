package via

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// news tells that the kernel's routing may have changed (rtnetlink(7)): the kernel
// queues a message before the change is over for whoever made it. It is for one
// goroutine at a time.
type news struct {
	fd     int
	buffer [64]byte // what changed is not looked at
}

// changes are what can lead a packet elsewhere, as bits of struct sockaddr_nl: links
// and addresses too, with which routes go without a word of their own.
const changes = 1<<(unix.RTNLGRP_LINK-1) |
	1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV4_RULE-1) |
	1<<(unix.RTNLGRP_IPV6_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1) |
	1<<(unix.RTNLGRP_NEXTHOP-1)

func openNews() (*news, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", os.NewSyscallError("socket", err))
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: changes}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("rtnetlink: %w", os.NewSyscallError("bind", err))
	}
	return &news{fd: fd}, nil
}

func (n *news) close() error {
	fd := n.fd
	n.fd = -1
	return os.NewSyscallError("close", unix.Close(fd))
}

// any reports whether something changed since it was asked last. That it cannot be
// known counts as a change: there were more messages than the socket holds (ENOBUFS).
func (n *news) any() (changed bool) {
	for {
		switch _, _, err := unix.Recvfrom(n.fd, n.buffer[:], 0); err {
		case unix.EAGAIN:
			return changed
		case nil, unix.EINTR, unix.ENOBUFS:
			changed = changed || err != unix.EINTR
		default:
			return true
		}
	}
}
