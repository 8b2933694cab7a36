package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// address reads ADDRESS:PORT or ADDRESS:FIRST-LAST. Addr is valid as soon as
// the text has an IP address, so that its family is known; ok says that the
// version can serve the whole.
func (v value) address() (a Address, ok bool) {
	s, ok := v.text("write an address and a port, such as 192.0.2.10:80")
	if !ok {
		return a, false
	}
	host, ports := splitPorts(s)
	if a.Addr, ok = v.ip(host, "192.0.2.10:80"); !ok {
		return a, false
	}
	if !v.serves(a.Addr) {
		return a, false
	}
	if ports == "" {
		v.fail(quote(s)+" names no port", "write "+host+":80, or a range such as "+host+":8000-8099")
		return a, false
	}
	a.FirstPort, a.LastPort, ok = v.ports(ports)
	return a, ok
}

// serves reports whether this version can own the VIP.
func (v value) serves(vip netip.Addr) bool {
	if vip.Is6() {
		v.fail("IPv6 services need neighbour discovery, which this version does not have",
			"write an IPv4 address")
		return false
	}
	return !v.special(vip)
}

// splitPorts takes the ports off an address; IPv6 has them behind brackets.
func splitPorts(s string) (host, ports string) {
	if inner, rest, ok := strings.Cut(s, "]"); ok && strings.HasPrefix(s, "[") && strings.Contains(inner, ":") {
		return inner[1:], strings.TrimPrefix(rest, ":")
	}
	if strings.Count(s, ":") > 1 {
		return s, ""
	}
	host, ports, _ = strings.Cut(s, ":")
	return host, ports
}

// ip parses an IP address; example is what the key takes.
func (v value) ip(s, example string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	switch {
	case err == nil:
		return addr, true
	case strings.Contains(s, "/"):
		v.fail(quote(s)+" has a prefix length", "write the address alone, such as "+example)
	default:
		v.fail(quote(s)+" is not an IP address", "write one such as "+example)
	}
	return addr, false
}

// special refuses the IPv4 addresses that no single host on a LAN has.
func (v value) special(a netip.Addr) bool {
	var what string
	switch {
	case a.IsUnspecified():
		what = "the unspecified address"
	case a.IsLoopback():
		what = "a loopback address"
	case a.IsMulticast():
		what = "a multicast address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		what = "the broadcast address"
	case a.As4()[0] == 0:
		what = "in 0.0.0.0/8, which names no host"
	default:
		return false
	}
	v.fail(fmt.Sprintf("%s is %s", a, what), "write a unicast address of the LAN")
	return true
}

// ports parses PORT or FIRST-LAST; 0 alone is any port.
func (v value) ports(s string) (first, last uint16, ok bool) {
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	for i, text := range []string{from, to} {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil || !isDecimal(text) || n < 0 || n > 65535:
			v.fail("port "+quote(text)+" is not a number from 1 to 65535", "write a port such as 80, or a range such as 8000-8099")
			return 0, 0, false
		case n == 0 && isRange:
			v.fail("port 0 (any port) is not a port of a range", "write 0 alone, or a range such as 8000-8099")
			return 0, 0, false
		case i == 0:
			first = uint16(n)
		default:
			last = uint16(n)
		}
	}
	if first > last {
		v.fail(fmt.Sprintf("the range %s runs backwards", s), fmt.Sprintf("write %d-%d", last, first))
		return 0, 0, false
	}
	return first, last, true
}

// String returns ADDRESS:PORT or ADDRESS:FIRST-LAST, as the file has it.
func (a Address) String() string {
	s := netip.AddrPortFrom(a.Addr, a.FirstPort).String()
	if a.LastPort != a.FirstPort {
		s += "-" + strconv.Itoa(int(a.LastPort))
	}
	return s
}

// Contains reports whether the ports of a include port.
func (a Address) Contains(port uint16) bool {
	return a.anyPort() || (a.FirstPort <= port && port <= a.LastPort)
}

func (a Address) anyPort() bool { return a.LastPort == 0 }

// overlaps reports whether a frame could be for both. Any port means those that
// nobody else names, so it overlaps only with another any port.
func (a Address) overlaps(b Address) bool {
	return a.Addr == b.Addr && a.FirstPort <= b.LastPort && b.FirstPort <= a.LastPort
}

// overlap says that b, of a service with protocol p, overlaps with a, which is
// in a line of the file unless that is 0.
func (b Address) overlap(p Protocol, a Address, line int) string {
	if a == b {
		return fmt.Sprintf("%s/%s is listed%s already", b, p, inLine(line))
	}
	return fmt.Sprintf("%s/%s overlaps with %s%s", b, p, a, inLine(line))
}

func inLine(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf(" in line %d", line)
}
