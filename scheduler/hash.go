package scheduler

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// fold makes one word of an address: an IPv4 address as a number, or the four
// words of an IPv6 address combined.
func fold(a netip.Addr) uint32 {
	if a.Is4() {
		b := a.As4()
		return binary.BigEndian.Uint32(b[:])
	}
	high, low := words(a)
	return uint32(high>>32) ^ uint32(high) ^ uint32(low>>32) ^ uint32(low)
}

// words returns an address as two numbers, IPv4 as ::ffff:a.b.c.d.
func words(a netip.Addr) (high, low uint64) {
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

// hash32 is the kernel's multiplicative hash_32: 2^32 divided by the golden
// ratio's square, and of the product the highest bits.
func hash32(v uint32, width int) uint32 { return v * 0x61C88647 >> (32 - width) }

// SipHash's initial state (Aumasson and Bernstein, 2012).
const (
	sip0 = 0x736f6d6570736575
	sip1 = 0x646f72616e646f6d
	sip2 = 0x6c7967656e657261
	sip3 = 0x7465646279746573
)

// hsiphash is what the kernel's hsiphash is on a 64-bit machine for one
// 32-bit value: SipHash-1-3 of four bytes with key as both halves of the key,
// cut to 32 bits.
func hsiphash(v uint32, key uint64) uint32 {
	s := sipState(key)
	s.word(4<<56 | uint64(v))
	return uint32(s.sum())
}

// sip is the state of a SipHash-1-3.
type sip struct{ v0, v1, v2, v3 uint64 }

func sipState(key uint64) sip { return sip{key ^ sip0, key ^ sip1, key ^ sip2, key ^ sip3} }

func (s *sip) round() {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

// word takes eight bytes of the message, little endian.
func (s *sip) word(w uint64) {
	s.v3 ^= w
	s.round()
	s.v0 ^= w
}

func (s *sip) sum() uint64 {
	s.v2 ^= 0xff
	s.round()
	s.round()
	s.round()
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}
