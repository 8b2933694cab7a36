package frame

import "encoding/binary"

// IPv4Len is the length of an IPv4 header without options.
const IPv4Len = 20

const (
	ipv4VersionIHL  = 0
	ipv4TOS         = 1
	ipv4TotalLen    = 2
	ipv4ID          = 4
	ipv4FlagsOffset = 6
	ipv4TTL         = 8
	ipv4Protocol    = 9
	ipv4Checksum    = 10
	ipv4Src         = 12
	ipv4Dst         = 16

	ipv4FlagDF = 0x40 // in the first byte of flags and offset
	ipv4FlagMF = 0x20
)

// IPv4 is a view of an IPv4 packet, from its header on.
type IPv4 []byte

// Init writes a header without options, with DF set, ID 0 and its checksum.
// payload is the number of bytes that follow the header.
func (h IPv4) Init(src, dst Addr, protocol, ttl uint8, payload int) {
	clear(h[:IPv4Len])
	h[ipv4VersionIHL] = 4<<4 | IPv4Len/4
	binary.BigEndian.PutUint16(h[ipv4TotalLen:], uint16(IPv4Len+payload))
	h[ipv4FlagsOffset] = ipv4FlagDF
	h[ipv4TTL] = ttl
	h[ipv4Protocol] = protocol
	binary.BigEndian.PutUint32(h[ipv4Src:], src.As4())
	binary.BigEndian.PutUint32(h[ipv4Dst:], dst.As4())
	h.UpdateChecksum()
}

// Version returns 4 for IPv4.
func (h IPv4) Version() int { return int(h[ipv4VersionIHL] >> 4) }

// HeaderLen returns the length of header and options in bytes.
func (h IPv4) HeaderLen() int { return int(h[ipv4VersionIHL]&0xf) * 4 }

// SetHeaderLen sets the length of header and options, a multiple of 4 from 20 to
// 60; the checksum is left to [IPv4.UpdateChecksum].
func (h IPv4) SetHeaderLen(n int) { h[ipv4VersionIHL] = 4<<4 | uint8(n/4) }

// TOS returns DSCP and ECN.
func (h IPv4) TOS() uint8 { return h[ipv4TOS] }

// SetTOS sets DSCP and ECN; the checksum is left to [IPv4.UpdateChecksum].
func (h IPv4) SetTOS(v uint8) { h[ipv4TOS] = v }

// TotalLen returns the length of header and payload in bytes.
func (h IPv4) TotalLen() int { return int(binary.BigEndian.Uint16(h[ipv4TotalLen:])) }

// SetTotalLen sets the length of header and payload; the checksum is left to
// [IPv4.UpdateChecksum].
func (h IPv4) SetTotalLen(n int) { binary.BigEndian.PutUint16(h[ipv4TotalLen:], uint16(n)) }

// ID returns the identification.
func (h IPv4) ID() uint16 { return binary.BigEndian.Uint16(h[ipv4ID:]) }

// SetID sets the identification; the checksum is left to [IPv4.UpdateChecksum].
func (h IPv4) SetID(v uint16) { binary.BigEndian.PutUint16(h[ipv4ID:], v) }

// DontFragment reports whether DF is set.
func (h IPv4) DontFragment() bool { return h[ipv4FlagsOffset]&ipv4FlagDF != 0 }

// ClearDontFragment takes DF away; the checksum is left to [IPv4.UpdateChecksum].
func (h IPv4) ClearDontFragment() { h[ipv4FlagsOffset] &^= ipv4FlagDF }

// MoreFragments reports whether MF is set.
func (h IPv4) MoreFragments() bool { return h[ipv4FlagsOffset]&ipv4FlagMF != 0 }

// FragmentOffset returns the offset in bytes.
func (h IPv4) FragmentOffset() uint16 { return binary.BigEndian.Uint16(h[ipv4FlagsOffset:]) << 3 }

// IsFragment reports whether h is not the whole datagram.
func (h IPv4) IsFragment() bool { return h.MoreFragments() || h.FragmentOffset() != 0 }

// SetFragment sets the offset in bytes, a multiple of 8, and MF. DF and the
// reserved flag stay; the checksum is left to [IPv4.UpdateChecksum].
func (h IPv4) SetFragment(offset uint16, more bool) {
	const keep = (0x80 | ipv4FlagDF) << 8
	v := binary.BigEndian.Uint16(h[ipv4FlagsOffset:])&keep | offset>>3
	if more {
		v |= ipv4FlagMF << 8
	}
	binary.BigEndian.PutUint16(h[ipv4FlagsOffset:], v)
}

// TTL returns the time to live.
func (h IPv4) TTL() uint8 { return h[ipv4TTL] }

// SetTTL sets the time to live; the checksum is left to [IPv4.UpdateChecksum].
func (h IPv4) SetTTL(ttl uint8) { h[ipv4TTL] = ttl }

// DecrementTTL takes one hop off and mends the checksum (RFC 1624). It reports
// false, and changes nothing, when no hop is left.
func (h IPv4) DecrementTTL() bool {
	if h[ipv4TTL] <= 1 {
		return false
	}
	before := binary.BigEndian.Uint16(h[ipv4TTL:])
	h[ipv4TTL]--
	h.SetChecksum(UpdateChecksum(h.Checksum(), before, binary.BigEndian.Uint16(h[ipv4TTL:])))
	return true
}

// Protocol returns the IP protocol number of the payload.
func (h IPv4) Protocol() uint8 { return h[ipv4Protocol] }

// Checksum returns the header's checksum.
func (h IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(h[ipv4Checksum:]) }

// SetChecksum sets the header's checksum.
func (h IPv4) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[ipv4Checksum:], v) }

// ChecksumValid reports whether the header's checksum is right.
func (h IPv4) ChecksumValid() bool { return Checksum(h[:h.HeaderLen()], 0) == 0 }

// UpdateChecksum computes the header's checksum anew.
func (h IPv4) UpdateChecksum() {
	h.SetChecksum(0)
	h.SetChecksum(Checksum(h[:h.HeaderLen()], 0))
}

// Src returns the source address.
func (h IPv4) Src() Addr { return AddrFrom4(binary.BigEndian.Uint32(h[ipv4Src:])) }

// SetSrc sets the source address; the checksum is left to [IPv4.UpdateChecksum].
func (h IPv4) SetSrc(a Addr) { binary.BigEndian.PutUint32(h[ipv4Src:], a.As4()) }

// Dst returns the destination address.
func (h IPv4) Dst() Addr { return AddrFrom4(binary.BigEndian.Uint32(h[ipv4Dst:])) }

// SetDst sets the destination address; the checksum is left to
// [IPv4.UpdateChecksum].
func (h IPv4) SetDst(a Addr) { binary.BigEndian.PutUint32(h[ipv4Dst:], a.As4()) }
