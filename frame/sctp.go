package frame

import (
	"encoding/binary"
	"hash/crc32"
)

// SCTPLen is the length of the SCTP common header.
const SCTPLen = 12

// SCTP chunk types that move an association's state (RFC 9260, 3.2).
const (
	SCTPData             uint8 = 0
	SCTPInit             uint8 = 1
	SCTPInitAck          uint8 = 2
	SCTPAbort            uint8 = 6
	SCTPShutdown         uint8 = 7
	SCTPShutdownAck      uint8 = 8
	SCTPError            uint8 = 9
	SCTPCookieEcho       uint8 = 10
	SCTPCookieAck        uint8 = 11
	SCTPShutdownComplete uint8 = 14
)

const (
	sctpSrcPort  = 0
	sctpDstPort  = 2
	sctpTag      = 4
	sctpChecksum = 8

	sctpChunkHeader = 4 // type, flags, length
)

// SCTP is a view of an SCTP packet, which ends where the IP packet does. What
// tells of chunks is safe at any length.
type SCTP []byte

// SrcPort returns the source port.
func (s SCTP) SrcPort() uint16 { return binary.BigEndian.Uint16(s[sctpSrcPort:]) }

// DstPort returns the destination port.
func (s SCTP) DstPort() uint16 { return binary.BigEndian.Uint16(s[sctpDstPort:]) }

// VerificationTag returns the verification tag.
func (s SCTP) VerificationTag() uint32 { return binary.BigEndian.Uint32(s[sctpTag:]) }

// Checksum returns the CRC-32c.
func (s SCTP) Checksum() uint32 { return binary.LittleEndian.Uint32(s[sctpChecksum:]) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// UpdateChecksum computes the CRC-32c of the packet, which ends where s does.
func (s SCTP) UpdateChecksum() {
	clear(s[sctpChecksum:SCTPLen])
	binary.LittleEndian.PutUint32(s[sctpChecksum:], crc32.Checksum(s, castagnoli))
}

// Chunk returns the type of the chunk at offset, and the offset of the one behind
// it. The first chunk is at [SCTPLen]. ok is false when no whole chunk header is
// there or its length is less than the header's:
//
//	for typ, next, ok := s.Chunk(SCTPLen); ok; typ, next, ok = s.Chunk(next) {
func (s SCTP) Chunk(offset int) (typ uint8, next int, ok bool) {
	if offset < SCTPLen || offset+sctpChunkHeader > len(s) {
		return 0, 0, false
	}
	length := int(binary.BigEndian.Uint16(s[offset+2:]))
	if length < sctpChunkHeader {
		return 0, 0, false
	}
	return s[offset], offset + (length+3)&^3, true // chunks are padded to 4 bytes
}

// FirstChunk returns the type of the first chunk; ok is false when no whole chunk
// header is there. The length in it is not looked at: this is the chunk by which
// IPVS tells a packet that opens an association, INIT, from others.
func (s SCTP) FirstChunk() (typ uint8, ok bool) {
	if len(s) < SCTPLen+sctpChunkHeader {
		return 0, false
	}
	return s[SCTPLen], true
}

// StateChunk returns the type of the chunk that moves the state of a packet's
// association as IPVS sees it (net/netfilter/ipvs/ip_vs_proto_sctp.c): the first
// chunk, but the second if that is ABORT behind COOKIE ECHO or COOKIE ACK. ABORT
// ends the chunks that a receiver reads, and control chunks may stand before it
// (RFC 9260, 3.3.7); IPVS looks for it behind these two. ok is as for FirstChunk.
func (s SCTP) StateChunk() (typ uint8, ok bool) {
	first, ok := s.FirstChunk()
	if first != SCTPCookieEcho && first != SCTPCookieAck {
		return first, ok
	}
	if _, next, whole := s.Chunk(SCTPLen); whole && next+sctpChunkHeader <= len(s) && s[next] == SCTPAbort {
		return SCTPAbort, true
	}
	return first, ok
}
