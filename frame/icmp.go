package frame

import "encoding/binary"

// ICMPLen is the length of an ICMP or ICMPv6 header: type, code, checksum and
// the four bytes whose meaning depends on the type.
const ICMPLen = 8

const (
	icmpType     = 0
	icmpCode     = 1
	icmpChecksum = 2
	icmpRest     = 4
	icmpID       = 4
	icmpSeq      = 6
	icmpMTU      = 6
)

// ICMP is a view of an ICMP message. The getters that do not depend on the
// family serve ICMPv6 too; see [ICMPv6].
type ICMP []byte

// Init writes the header with checksum and the last four bytes 0.
func (m ICMP) Init(typ, code uint8) {
	clear(m[:ICMPLen])
	m[icmpType], m[icmpCode] = typ, code
}

// Type returns the message's type.
func (m ICMP) Type() uint8 { return m[icmpType] }

// SetType sets the type and mends the checksum (RFC 1624), as an echo request
// that becomes a reply needs it.
func (m ICMP) SetType(typ uint8) {
	before := binary.BigEndian.Uint16(m[icmpType:])
	m[icmpType] = typ
	m.SetChecksum(UpdateChecksum(m.Checksum(), before, binary.BigEndian.Uint16(m[icmpType:])))
}

// Code returns the message's code.
func (m ICMP) Code() uint8 { return m[icmpCode] }

// Checksum returns the checksum.
func (m ICMP) Checksum() uint16 { return binary.BigEndian.Uint16(m[icmpChecksum:]) }

// SetChecksum sets the checksum.
func (m ICMP) SetChecksum(v uint16) { binary.BigEndian.PutUint16(m[icmpChecksum:], v) }

// UpdateChecksum computes the checksum of the ICMP message, which ends where m does.
func (m ICMP) UpdateChecksum() {
	m.SetChecksum(0)
	m.SetChecksum(Checksum(m, 0))
}

// ID returns the identifier of an echo request or reply.
func (m ICMP) ID() uint16 { return binary.BigEndian.Uint16(m[icmpID:]) }

// Seq returns the sequence number of an echo request or reply.
func (m ICMP) Seq() uint16 { return binary.BigEndian.Uint16(m[icmpSeq:]) }

// MTU returns the next hop's MTU from "fragmentation needed" (RFC 1191).
func (m ICMP) MTU() uint16 { return binary.BigEndian.Uint16(m[icmpMTU:]) }

// SetMTU sets the next hop's MTU; the checksum is left to [ICMP.UpdateChecksum].
func (m ICMP) SetMTU(mtu uint16) { binary.BigEndian.PutUint16(m[icmpMTU:], mtu) }

// IsError reports whether the message is an error that quotes a packet. A redirect
// quotes one too but is advice to a host, not an error.
func (m ICMP) IsError() bool {
	switch m[icmpType] {
	case ICMPDestUnreachable, ICMPSourceQuench, ICMPTimeExceeded, ICMPParamProblem:
		return true
	}
	return false
}

// Payload returns what follows the header: of an error, the quoted packet.
func (m ICMP) Payload() []byte { return m[ICMPLen:] }

// ICMPv6 is a view of an ICMPv6 message.
type ICMPv6 []byte

// Init writes the header with checksum and the last four bytes 0.
func (m ICMPv6) Init(typ, code uint8) { ICMP(m).Init(typ, code) }

// Type returns the message's type.
func (m ICMPv6) Type() uint8 { return m[icmpType] }

// SetType sets the type and mends the checksum (RFC 1624).
func (m ICMPv6) SetType(typ uint8) { ICMP(m).SetType(typ) }

// Code returns the message's code.
func (m ICMPv6) Code() uint8 { return m[icmpCode] }

// Checksum returns the checksum.
func (m ICMPv6) Checksum() uint16 { return ICMP(m).Checksum() }

// SetChecksum sets the checksum.
func (m ICMPv6) SetChecksum(v uint16) { ICMP(m).SetChecksum(v) }

// ChecksumValid reports whether the checksum of the message, which ends where m
// does, is right between src and dst.
func (m ICMPv6) ChecksumValid(src, dst Addr) bool {
	return Checksum(m, PseudoSum(src, dst, ProtocolICMPv6, len(m))) == 0
}

// UpdateChecksum computes the checksum of the message, which ends where m does,
// between src and dst.
func (m ICMPv6) UpdateChecksum(src, dst Addr) {
	m.SetChecksum(0)
	m.SetChecksum(Checksum(m, PseudoSum(src, dst, ProtocolICMPv6, len(m))))
}

// ID returns the identifier of an echo request or reply.
func (m ICMPv6) ID() uint16 { return ICMP(m).ID() }

// Seq returns the sequence number of an echo request or reply.
func (m ICMPv6) Seq() uint16 { return ICMP(m).Seq() }

// MTU returns the next hop's MTU from "packet too big".
func (m ICMPv6) MTU() uint32 { return binary.BigEndian.Uint32(m[icmpRest:]) }

// SetMTU sets the next hop's MTU; the checksum is left to
// [ICMPv6.UpdateChecksum].
func (m ICMPv6) SetMTU(mtu uint32) { binary.BigEndian.PutUint32(m[icmpRest:], mtu) }

// IsError reports whether the message is an error that quotes a packet and that
// RFC 4443 defines.
func (m ICMPv6) IsError() bool {
	return m[icmpType] >= ICMPv6DestUnreachable && m[icmpType] <= ICMPv6ParamProblem
}

// Payload returns what follows the header: of an error, the quoted packet.
func (m ICMPv6) Payload() []byte { return m[ICMPLen:] }
