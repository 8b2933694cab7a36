package frame

import "encoding/binary"

// IPv6Len is the length of the fixed IPv6 header.
const IPv6Len = 40

const (
	ipv6VersionClass = 0
	ipv6PayloadLen   = 4
	ipv6NextHeader   = 6
	ipv6HopLimit     = 7
	ipv6Src          = 8
	ipv6Dst          = 24
)

// IPv6 is a view of an IPv6 packet, from its fixed header on.
type IPv6 []byte

// Init writes a header with traffic class and flow label 0. payload is the
// number of bytes that follow it.
func (h IPv6) Init(src, dst Addr, nextHeader, hopLimit uint8, payload int) {
	binary.BigEndian.PutUint32(h[ipv6VersionClass:], 6<<28)
	h.SetPayloadLen(payload)
	h[ipv6NextHeader] = nextHeader
	h[ipv6HopLimit] = hopLimit
	h.SetSrc(src)
	h.SetDst(dst)
}

// Version returns 6 for IPv6.
func (h IPv6) Version() int { return int(h[ipv6VersionClass] >> 4) }

// TrafficClass returns DSCP and ECN.
func (h IPv6) TrafficClass() uint8 {
	return uint8(binary.BigEndian.Uint16(h[ipv6VersionClass:]) >> 4)
}

// FlowLabel returns the 20 bits of the flow label.
func (h IPv6) FlowLabel() uint32 { return binary.BigEndian.Uint32(h[ipv6VersionClass:]) & 0xfffff }

// PayloadLen returns the number of bytes behind the fixed header.
func (h IPv6) PayloadLen() int { return int(binary.BigEndian.Uint16(h[ipv6PayloadLen:])) }

// SetPayloadLen sets the number of bytes behind the fixed header.
func (h IPv6) SetPayloadLen(n int) { binary.BigEndian.PutUint16(h[ipv6PayloadLen:], uint16(n)) }

// NextHeader returns the protocol number of what follows the fixed header:
// an extension header or the transport protocol.
func (h IPv6) NextHeader() uint8 { return h[ipv6NextHeader] }

// HopLimit returns the hop limit.
func (h IPv6) HopLimit() uint8 { return h[ipv6HopLimit] }

// SetHopLimit sets the hop limit.
func (h IPv6) SetHopLimit(v uint8) { h[ipv6HopLimit] = v }

// DecrementHopLimit takes one hop off. It reports false, and changes nothing,
// when no hop is left.
func (h IPv6) DecrementHopLimit() bool {
	if h[ipv6HopLimit] <= 1 {
		return false
	}
	h[ipv6HopLimit]--
	return true
}

// Src returns the source address.
func (h IPv6) Src() Addr { return AddrFrom16((*[16]byte)(h[ipv6Src:])) }

// SetSrc sets the source address.
func (h IPv6) SetSrc(a Addr) { *(*[16]byte)(h[ipv6Src:]) = a.As16() }

// Dst returns the destination address.
func (h IPv6) Dst() Addr { return AddrFrom16((*[16]byte)(h[ipv6Dst:])) }

// SetDst sets the destination address.
func (h IPv6) SetDst(a Addr) { *(*[16]byte)(h[ipv6Dst:]) = a.As16() }
