package frame

import "strconv"

// IP protocol numbers (IANA "Assigned Internet Protocol Numbers").
const (
	ProtocolICMP   uint8 = 1
	ProtocolTCP    uint8 = 6
	ProtocolUDP    uint8 = 17
	ProtocolICMPv6 uint8 = 58
	ProtocolSCTP   uint8 = 132
)

// IPv6 extension headers (RFC 8200, 4; AH is RFC 4302).
const (
	protocolHopByHop uint8 = 0
	protocolRouting  uint8 = 43
	protocolFragment uint8 = 44
	protocolAH       uint8 = 51
	protocolDestOpts uint8 = 60
)

// EtherTypes (IEEE 802 numbers).
const (
	EtherTypeIPv4 uint16 = 0x0800
	EtherTypeARP  uint16 = 0x0806
	EtherTypeVLAN uint16 = 0x8100 // 802.1Q
	EtherTypeIPv6 uint16 = 0x86dd
	EtherTypeQinQ uint16 = 0x88a8 // 802.1ad
)

// TCP control bits (RFC 9293, 3.1; RFC 3168), as they stand in byte 13 of the header.
const (
	TCPFin uint8 = 1 << iota
	TCPSyn
	TCPRst
	TCPPsh
	TCPAck
	TCPUrg
	TCPEce
	TCPCwr
)

// ICMP types (RFC 792).
const (
	ICMPEchoReply       uint8 = 0
	ICMPDestUnreachable uint8 = 3
	ICMPSourceQuench    uint8 = 4
	ICMPRedirect        uint8 = 5
	ICMPEchoRequest     uint8 = 8
	ICMPTimeExceeded    uint8 = 11
	ICMPParamProblem    uint8 = 12
)

// Codes of [ICMPDestUnreachable] (RFC 792, RFC 1191).
const (
	ICMPCodeHostUnreachable  uint8 = 1
	ICMPCodeProtoUnreachable uint8 = 2
	ICMPCodePortUnreachable  uint8 = 3
	ICMPCodeFragNeeded       uint8 = 4
)

// ICMPv6 types (RFC 4443, RFC 4861).
const (
	ICMPv6DestUnreachable       uint8 = 1
	ICMPv6PacketTooBig          uint8 = 2
	ICMPv6TimeExceeded          uint8 = 3
	ICMPv6ParamProblem          uint8 = 4
	ICMPv6EchoRequest           uint8 = 128
	ICMPv6EchoReply             uint8 = 129
	ICMPv6RouterSolicitation    uint8 = 133
	ICMPv6RouterAdvertisement   uint8 = 134
	ICMPv6NeighborSolicitation  uint8 = 135
	ICMPv6NeighborAdvertisement uint8 = 136
	ICMPv6Redirect              uint8 = 137
)

// Codes of [ICMPv6DestUnreachable] (RFC 4443, 3.1).
const (
	ICMPv6CodeAddrUnreachable uint8 = 3
	ICMPv6CodePortUnreachable uint8 = 4
)

// ProtocolName returns the upper-case name that rules and logs use, and the
// decimal number for a protocol without one here.
func ProtocolName(protocol uint8) string {
	switch protocol {
	case ProtocolICMP:
		return "ICMP"
	case ProtocolTCP:
		return "TCP"
	case ProtocolUDP:
		return "UDP"
	case ProtocolICMPv6:
		return "ICMPv6"
	case ProtocolSCTP:
		return "SCTP"
	}
	return strconv.Itoa(int(protocol))
}
