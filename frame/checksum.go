package frame

import "encoding/binary"

// Checksum returns the Internet checksum (RFC 1071) of b: the complement of
// the one's complement sum of its 16-bit words and initial. Over data that
// holds its own right checksum it is 0. initial is a sum that is not
// complemented: 0, [PseudoSum] or [Sum].
func Checksum(b []byte, initial uint16) uint16 { return ^Sum(b, initial) }

// Sum returns the one's complement sum of the 16-bit words of b and initial,
// not complemented. An odd last byte counts as the high one of a word, so only
// the last of several parts may be odd.
func Sum(b []byte, initial uint16) uint16 {
	sum := uint64(initial)
	for len(b) >= 8 {
		v := binary.BigEndian.Uint64(b)
		sum += v>>32 + v&0xffffffff
		b = b[8:]
	}
	if len(b) >= 4 {
		sum += uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return fold(sum)
}

// fold adds the 16-bit words of sum until one is left. Four rounds do: 64 bits,
// then 33, 18 and 17.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum)
}

// PseudoSum returns the sum of the pseudo-header that TCP, UDP and ICMPv6
// checksums cover (RFC 9293, 3.1; RFC 8200, 8.1), not complemented. Both addresses
// are of one family; length is that of transport header and payload. It is also
// what the checksum field of a packet with a partial checksum holds.
func PseudoSum(src, dst Addr, protocol uint8, length int) uint16 {
	sum := uint64(protocol) + uint64(length)
	if src.Is4() {
		return fold(sum + uint64(src.As4()) + uint64(dst.As4()))
	}
	for _, v := range [...]uint64{src.Hi, src.Lo, dst.Hi, dst.Lo} {
		sum += v>>32 + v&0xffffffff
	}
	return fold(sum)
}

// UpdateChecksum returns the checksum after one 16-bit word of what it covers
// changed (RFC 1624, equation 3).
func UpdateChecksum(sum, before, after uint16) uint16 {
	return ^fold(uint64(^sum) + uint64(^before) + uint64(after))
}
