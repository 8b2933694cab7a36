package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// onLoopback lists the addresses of lo that are the VIP. The error names what
// keeps it from being usable there, or what else of the host has it.
func onLoopback(vip netip.Addr, s *state) ([]Address, error) {
	if err := loopbackTakes(vip, s); err != nil {
		return nil, err
	}
	addrs := s.on(vip)
	for _, a := range addrs {
		if a.Interface != loopback || !a.Prefix.IsSingleIP() {
			return nil, fmt.Errorf("%v: it is on %s as %v: %s: %s", vip, a.Interface, a.Prefix, whyNotThere(a), s.takeOff(a))
		}
	}
	return addrs, nil
}

// loopbackTakes says what keeps lo from having the VIP.
func loopbackTakes(vip netip.Addr, s *state) error {
	if l, _ := s.link(loopback); !l.Up {
		return fmt.Errorf("%v: lo is down, no address on it works: ip link set lo up", vip)
	}
	if vip.Is6() {
		if err := ipv6OnLoopback(s); err != nil {
			return fmt.Errorf("%v: %w", vip, err)
		}
	}
	return nil
}

// whyNotThere says what is wrong with a VIP at such a place.
func whyNotThere(a Address) string {
	if a.Interface == loopback {
		return "the host takes the whole prefix for itself"
	}
	return "an address of the LAN's interface is answered for by ARP"
}

func ipv6OnLoopback(s *state) error {
	v, err := s.sysctl(ipv6Conf(loopback, "disable_ipv6"))
	if err != nil {
		return fmt.Errorf("no IPv6 in this kernel: %w", err)
	}
	if v != 0 {
		return errors.New("IPv6 is disabled on lo: sysctl -w net.ipv6.conf.lo.disable_ipv6=0")
	}
	return nil
}

// only4 returns the IPv4 addresses of addrs.
func only4(addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), netip.Addr.Is6)
}

// orAll returns the interfaces, or "all" when there are none.
func orAll(interfaces []string) []string {
	if len(interfaces) == 0 {
		return []string{"all"}
	}
	return interfaces
}

// labels gives out the names lo:0, lo:1 … that no address has yet; ifconfig(8)
// shows only addresses that have one.
type labels map[string]bool

func newLabels(addrs []Address) labels {
	taken := labels{}
	for _, a := range addrs {
		taken[a.Label] = true
	}
	return taken
}

// maxLabel is the longest label that the kernel takes (IFNAMSIZ with its NUL).
const maxLabel = 15

// address returns the VIP as it is put on an interface. IPv6 knows no labels, and
// the kernel derives the scope from the address; "deprecated" keeps the host from
// choosing the VIP as the source of its own connections (RFC 6724, rule 3), as
// scope host does in IPv4.
func (l labels) address(vip netip.Addr, dev string) Address {
	a := Address{Interface: dev, Prefix: netip.PrefixFrom(vip, vip.BitLen())}
	if vip.Is6() {
		a.Deprecated = true
		return a
	}
	a.Scope = ScopeHost
	for n := 0; ; n++ {
		label := dev + ":" + itoa(n)
		if len(label) > maxLabel {
			return a
		}
		if !l[label] {
			l[label] = true
			a.Label = label
			return a
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
