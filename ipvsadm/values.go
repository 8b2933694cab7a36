package ipvsadm

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

const (
	// defaultPersistence is what -p alone stands for. The man page says 300, the
	// program takes 360.
	defaultPersistence = 360
	// maxTimeout is 31 days.
	maxTimeout = 31 * 86400
)

// number reads a decimal number as strtol(3) does: blanks and a sign may stand
// before it.
func number(s string, low, high int64) (n int64, ok bool) {
	s = strings.TrimLeft(s, blanks)
	if unsigned := strings.TrimLeft(s, "+-"); len(s)-len(unsigned) > 1 || !isDigits(unsigned) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && low <= n && n <= high
}

const blanks = " \t\n\v\f\r"

// leadingNumber is what atoi(3) reads of a text.
func leadingNumber(s string) string {
	s = strings.TrimLeft(s, blanks)
	end := 0
	for end < len(s) && ('0' <= s[end] && s[end] <= '9' || end == 0 && strings.IndexByte("+-", s[0]) >= 0) {
		end++
	}
	return s[:end]
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func readNumber(into *int, text string, low, high int64, what string) error {
	n, ok := number(text, low, high)
	if !ok {
		return failf("illegal %s specified", what)
	}
	*into = int(n)
	return nil
}

// timeout reads seconds, at least so many.
func timeout(text string, low int64) (int, error) {
	n, ok := number(text, low, maxTimeout)
	if !ok {
		return 0, failf("invalid timeout value `%s' specified", text)
	}
	return int(n), nil
}

// hostPort is what -t and -r take.
type hostPort struct {
	addr    netip.Addr
	port    uint16
	hasPort bool
}

// parseAddress reads HOST, HOST:PORT, [HOST]:PORT or a bare IPv6 address. HOST
// is an address or a name: with an IPv4 address, or in brackets with an IPv6
// one. PORT is a number or a name that the protocol has.
func parseAddress(text, protocol string, names Names) (a hostPort, ok bool) {
	host, port, v6 := text, "", false
	if inner, isBracketed := strings.CutPrefix(text, "["); isBracketed {
		if host, port, a.hasPort = strings.Cut(inner, "]:"); !a.hasPort {
			return a, false
		}
		v6 = true
	} else if a.addr, ok = parseIPv6(text); ok {
		return a, true
	} else if i := strings.LastIndexByte(text, ':'); i >= 0 {
		host, port, a.hasPort = text[:i], text[i+1:], true
	}
	if isDigits(text) || text == "" { // a port without an address
		return a, false
	}
	if a.addr, ok = parseHost(host, v6, names); !ok || !a.hasPort {
		return a, ok
	}
	if n, isNumber := number(port, 0, 65535); isNumber {
		a.port = uint16(n)
		return a, true
	}
	a.port, ok = names.Port(port, protocol)
	return a, ok
}

func parseHost(host string, v6 bool, names Names) (netip.Addr, bool) {
	parse := parseIPv4
	if v6 {
		parse = parseIPv6
	}
	if addr, ok := parse(host); ok {
		return addr, true
	}
	return names.Address(host, v6)
}

// parseIPv6 takes no zone.
func parseIPv6(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	return addr, err == nil && addr.Is6() && addr.Zone() == ""
}

// parseIPv4 reads an address as inet_aton(3) does: one to four parts, each
// decimal, octal or hexadecimal, the last one filling the rest; a blank ends it.
func parseIPv4(s string) (netip.Addr, bool) {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		s = s[:i]
	}
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var n uint64
	for i, part := range parts {
		width := 8
		if i == len(parts)-1 {
			width = 8 * (4 - i)
		}
		v, err := strconv.ParseUint(part, 0, width)
		if err != nil || strings.Trim(part, "0123456789abcdefABCDEFxX") != "" || strings.HasPrefix(strings.ToLower(part), "0b") {
			return netip.Addr{}, false
		}
		n = n<<width | v
	}
	return addr4(uint32(n)), true
}

func addr4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func maskOf(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// ones is the length of the mask, -1 if its ones do not lead.
func (m netmask) ones() int {
	n := bits.LeadingZeros32(^m.mask)
	if m.mask<<n != 0 {
		return -1
	}
	return n
}

// dotted is a mask of that many ones.
func dotted(ones int) string { return addr4(^uint32(0) << (32 - ones)).String() }
