package frame

import "encoding/binary"

// UDPLen is the length of a UDP header.
const UDPLen = 8

const (
	udpSrcPort  = 0
	udpDstPort  = 2
	udpLength   = 4
	udpChecksum = 6
)

// UDP is a view of a UDP datagram.
type UDP []byte

// Init writes a header with checksum 0. payload is the number of bytes that
// follow it.
func (u UDP) Init(srcPort, dstPort uint16, payload int) {
	binary.BigEndian.PutUint16(u[udpSrcPort:], srcPort)
	binary.BigEndian.PutUint16(u[udpDstPort:], dstPort)
	binary.BigEndian.PutUint16(u[udpLength:], uint16(UDPLen+payload))
	u.SetChecksum(0)
}

// SrcPort returns the source port.
func (u UDP) SrcPort() uint16 { return binary.BigEndian.Uint16(u[udpSrcPort:]) }

// DstPort returns the destination port.
func (u UDP) DstPort() uint16 { return binary.BigEndian.Uint16(u[udpDstPort:]) }

// Length returns the length of header and payload in bytes.
func (u UDP) Length() int { return int(binary.BigEndian.Uint16(u[udpLength:])) }

// Checksum returns the checksum; 0 means that the sender made none.
func (u UDP) Checksum() uint16 { return binary.BigEndian.Uint16(u[udpChecksum:]) }

// SetChecksum sets the checksum.
func (u UDP) SetChecksum(v uint16) { binary.BigEndian.PutUint16(u[udpChecksum:], v) }

// UpdateChecksum computes the checksum of the datagram, which ends where u does,
// between src and dst.
func (u UDP) UpdateChecksum(src, dst Addr) {
	u.SetChecksum(0)
	sum := Checksum(u, PseudoSum(src, dst, ProtocolUDP, len(u)))
	if sum == 0 { // reserved for "none"; both are zero in one's complement
		sum = 0xffff
	}
	u.SetChecksum(sum)
}
