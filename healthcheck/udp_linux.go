package healthcheck

import "golang.org/x/sys/unix"

// reportErrors asks for all ICMP errors about a socket's datagrams, also those
// that the kernel keeps to itself by default, such as host unreachable (ip(7),
// IP_RECVERR).
func reportErrors(t Target) func(fd int) error {
	if t.Addr.Is4() {
		return func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1) }
	}
	return func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1) }
}
