package realserver

import (
	"net/netip"
	"slices"
)

// Addresses that nobody has, to which only a default route leads (RFC 5737, RFC 2544;
// no part of 2000::/16 is given out, RFC 3849).
var (
	nowhere4 = []netip.Addr{
		netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("198.51.100.1"),
		netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.18.0.1"),
	}
	nowhere6 = []netip.Addr{netip.MustParseAddr("2000::1"), netip.MustParseAddr("2001:db8::1")}
)

// elsewhere returns one of like's family that stands for a client of anywhere: of
// none of the networks that the host is in, as laboratories use such addresses too.
func elsewhere(addrs []Address, like netip.Addr) netip.Addr {
	candidates := nowhere4
	if like.Is6() {
		candidates = nowhere6
	}
	for _, c := range candidates {
		if !slices.ContainsFunc(addrs, func(a Address) bool { return a.Prefix.Contains(c) }) {
			return c
		}
	}
	return candidates[0]
}
