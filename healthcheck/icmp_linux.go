package healthcheck

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// icmpFilter is ICMP_FILTER of linux/icmp.h: the bits of types that a raw socket
// does not get.
const icmpFilter = 1

// onlyEcho keeps all but echo replies away from a raw socket.
func onlyEcho(addr netip.Addr) func(fd int) error {
	if addr.Is4() {
		return func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_RAW, icmpFilter, ^(1 << echoReply4))
		}
	}
	// The same for IPv6 (RFC 3542, 3.2); here, too, a set bit blocks.
	var filter unix.ICMPv6Filter
	for i := range filter.Data {
		filter.Data[i] = ^uint32(0)
	}
	filter.Data[echoReply6/32] &^= 1 << (echoReply6 % 32)
	return func(fd int) error {
		return unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &filter)
	}
}
