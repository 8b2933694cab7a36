package config

import (
	"math/bits"
	"net/netip"
	"time"

	"go.yaml.in/yaml/v4"
)

// The limits of how long a client keeps its server without a connection: the
// upper one is the connection table's, which remembers it.
const (
	minPersistence = time.Second
	maxPersistence = 24 * time.Hour
)

// persistence reads a duration, or the mapping behind persistence. family is
// BitLen of the service's VIPs, 0 if not known.
func (v value) persistence(family int) Persistence {
	if !v.present() {
		return Persistence{}
	}
	p := Persistence{Timeout: defaultPersistence, Prefix: family}
	switch {
	case v.isNull() || (v.node.Kind == yaml.MappingNode && len(v.node.Content) == 0):
		// Off, as an empty mapping is elsewhere, or on with the defaults?
		v.fail("is empty", "write how long, such as 5m, or remove it")
	case v.node.Kind == yaml.ScalarNode:
		p.Timeout = v.duration(p.Timeout, minPersistence, maxPersistence)
	default:
		s := v.section(persistenceKeys)
		p.Timeout = s.get("timeout").duration(p.Timeout, minPersistence, maxPersistence)
		p.Prefix = s.get("netmask").netmask(family)
	}
	return p
}

// netmask reads a prefix length, or an IPv4 mask with dots, as ipvsadm -M takes
// them. It is all of the address by default.
func (v value) netmask(family int) int {
	if !v.present() {
		return family
	}
	const most = 128
	if mask, err := netip.ParseAddr(v.node.Value); err == nil && v.node.Kind == yaml.ScalarNode && mask.Is4() && family != most {
		return v.dotted(mask)
	}
	if family == 0 {
		return v.integer(family, 1, most)
	}
	return v.integer(family, 1, family)
}

// dotted is the prefix length of an IPv4 mask.
func (v value) dotted(mask netip.Addr) int {
	b := mask.As4()
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	ones := bits.LeadingZeros32(^m)
	switch {
	case ones == 0:
		v.fail(mask.String()+" makes all clients one", "write one such as 255.255.255.0, or a prefix length from 1 to 32")
	case bits.OnesCount32(m) != ones:
		v.fail(mask.String()+" has a hole", "write one such as 255.255.255.0, or a prefix length from 1 to 32")
	}
	return ones
}
