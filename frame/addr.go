package frame

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

// MAC is an Ethernet hardware address (EUI-48), as it stands in a frame.
type MAC [6]byte

// Broadcast is the Ethernet broadcast address.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// ParseMAC reads an EUI-48 in any form that net.ParseMAC takes.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil {
		return MAC{}, fmt.Errorf("parse MAC address: %w", err)
	}
	if len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("parse MAC address %q: want 6 bytes, got %d", s, len(hw))
	}
	return MAC(hw), nil
}

// String returns the address as lower-case hex with colons.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// IsZero reports whether m is 00:00:00:00:00:00, which no interface owns.
func (m MAC) IsZero() bool { return m == MAC{} }

// IsMulticast reports whether the group bit is set; broadcast is multicast.
func (m MAC) IsMulticast() bool { return m[0]&1 != 0 }

// IsUnicast reports whether one interface can own m.
func (m MAC) IsUnicast() bool { return !m.IsZero() && !m.IsMulticast() }

// Uint64 packs the address into the low 48 bits, first byte highest, so that
// it fits one atomic word.
func (m MAC) Uint64() uint64 {
	return uint64(binary.BigEndian.Uint16(m[:2]))<<32 | uint64(binary.BigEndian.Uint32(m[2:]))
}

// MACFromUint64 is the inverse of [MAC.Uint64]; the high 16 bits are ignored.
func MACFromUint64(v uint64) (m MAC) {
	binary.BigEndian.PutUint16(m[:2], uint16(v>>32))
	binary.BigEndian.PutUint32(m[2:], uint32(v))
	return m
}

// Addr is an IP address of either family in 16 bytes without a pointer: the
// 128 bits in network order, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
// Addrs are compared with ==. The zero value is the IPv6 address "::".
type Addr struct{ Hi, Lo uint64 }

const mapped4 = 0xffff << 32

// AddrFrom4 returns the address whose four bytes, first byte highest, are v.
func AddrFrom4(v uint32) Addr { return Addr{Lo: mapped4 | uint64(v)} }

// AddrFrom16 returns the address in the 16 bytes of b.
func AddrFrom16(b *[16]byte) Addr {
	return Addr{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// AddrFrom converts from netip, dropping the zone.
func AddrFrom(a netip.Addr) Addr {
	b := a.As16()
	return AddrFrom16(&b)
}

// Is4 reports whether a is an IPv4 address.
func (a Addr) Is4() bool { return a.Hi == 0 && a.Lo>>32 == 0xffff }

// As4 returns the four bytes of an IPv4 address, first byte highest.
func (a Addr) As4() uint32 { return uint32(a.Lo) }

// As16 returns the 16 bytes of the address in network order.
func (a Addr) As16() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return b
}

// IsMulticast reports whether a is a group: 224.0.0.0/4 or ff00::/8.
func (a Addr) IsMulticast() bool {
	return a.Hi>>56 == 0xff || a.Is4() && a.As4()>>28 == 0xe
}

// Masked returns a with all but its first bits zero: 0..32 bits for IPv4, 0..128
// for IPv6.
func (a Addr) Masked(bits int) Addr {
	if a.Is4() {
		bits += 96
	}
	return Addr{a.Hi & ones(bits), a.Lo & ones(bits-64)}
}

// ones returns a word whose first n bits are set; n may lie outside 0..64.
func ones(n int) uint64 { return ^(^uint64(0) >> min(max(n, 0), 64)) }

// SolicitedNode returns the group that solicitations for the IPv6 address a go
// to (RFC 4291, 2.7.1).
func SolicitedNode(a Addr) Addr {
	return Addr{Hi: 0xff02 << 48, Lo: 0x1_ff00_0000 | a.Lo&0xff_ffff}
}

// GroupMAC returns the Ethernet address of a multicast group (RFC 1112, 6.4; RFC
// 2464, 7).
func GroupMAC(group Addr) MAC {
	if group.Is4() {
		return MACFromUint64(0x0100_5e00_0000 | group.Lo&0x7f_ffff)
	}
	return MACFromUint64(0x3333_0000_0000 | group.Lo&0xffff_ffff)
}

// Netip converts to netip; IPv4 comes out as a four-byte address.
func (a Addr) Netip() netip.Addr {
	return netip.AddrFrom16(a.As16()).Unmap()
}

// String returns the address in netip's form.
func (a Addr) String() string { return a.Netip().String() }
