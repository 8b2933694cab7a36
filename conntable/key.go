package conntable

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"lvsdr/frame"
)

// Key names one connection to a service: the client's address and port, the
// VIP by its index, the service port and the IP protocol; or one template of a
// persistent service. Make it with NewKey or NewTemplateKey.
type Key struct {
	peer, where uint64
	hi, lo      uint64 // client address of an IPv6 key; 0 for IPv4
}

// The kind byte of where. What is not kind4 takes two places: the second holds
// the IPv6 address, and how many connections a template controls.
const (
	kind4 = iota
	kind6
	kindTemplate4
	kindTemplate6
)

// The real server is in the low half of where, with a bit that says whether a
// template controls the connection; the rest belongs to the key.
const (
	whereKeyShift        = 32
	whereKeyMask  uint64 = 0xffffffff_00000000

	controlled = 1 << 31
	serverBits = controlled - 1
)

// NewKey returns the key of a connection from client:clientPort to port of the
// VIP with the given index.
func NewKey(client frame.Addr, clientPort, vip, port uint16, protocol uint8) Key {
	where := uint64(vip)<<48 | uint64(protocol)<<40
	ports := uint64(clientPort)<<16 | uint64(port)
	if client.Is4() {
		return Key{peer: uint64(client.As4())<<32 | ports, where: where | kind4<<32}
	}
	return Key{
		peer:  uint64(fold(client))<<32 | ports,
		where: where | kind6<<32,
		hi:    client.Hi, lo: client.Lo,
	}
}

// fold makes 32 bits of an IPv6 address, to tell most of them apart without
// looking at the second place.
func fold(a frame.Addr) uint32 {
	x := a.Hi ^ a.Lo
	return uint32(x) ^ uint32(x>>32)
}

// NewTemplateKey returns the key of a template: the memory of which server the
// clients with this address, of which the caller has cut what does not count,
// are sent to. port is the service's, 0 for one with many ports; a service that
// is no single VIP and port has a number of its own in its place, and protocol
// 0 (in IPVS: its firewall mark).
func NewTemplateKey(client frame.Addr, vip uint16, port uint32, protocol uint8) Key {
	where := uint64(vip)<<48 | uint64(protocol)<<40
	if client.Is4() {
		return Key{peer: uint64(client.As4())<<32 | uint64(port), where: where | kindTemplate4<<32}
	}
	return Key{
		peer:  uint64(fold(client))<<32 | uint64(port),
		where: where | kindTemplate6<<32,
		hi:    client.Hi, lo: client.Lo,
	}
}

func (k *Key) kind() uint64 { return k.where >> 32 & 0xff }

// isWide reports whether the key takes two places.
func (k *Key) isWide() bool { return k.kind() != kind4 }

func (k *Key) is6() bool { return k.kind()&1 != 0 }

// IsTemplate reports whether the key is a template's.
func (k *Key) IsTemplate() bool { return k.kind() >= kindTemplate4 }

// Client returns the client's address.
func (k *Key) Client() frame.Addr {
	if k.is6() {
		return frame.Addr{Hi: k.hi, Lo: k.lo}
	}
	return frame.AddrFrom4(uint32(k.peer >> 32))
}

// ClientPort returns the client's port; 0 for a template.
func (k *Key) ClientPort() uint16 {
	if k.IsTemplate() {
		return 0
	}
	return uint16(k.peer >> 16)
}

// Port returns the service port that the client sent to.
func (k *Key) Port() uint16 { return uint16(k.peer) }

// Number returns the number of the service of a template with protocol 0.
func (k *Key) Number() uint32 { return uint32(k.peer) }

// VIP returns the index of the VIP.
func (k *Key) VIP() uint16 { return uint16(k.where >> 48) }

// Protocol returns the IP protocol number.
func (k *Key) Protocol() uint8 { return uint8(k.where >> 40) }

// hash is xxh64 over the key with the secret mixed in: xxh64 has no seed here,
// and clients choose addresses and ports. The secret is added before xxh64's
// first multiplication, so that what a difference between two keys does to the
// hash is not known either.
func (k *Key) hash(secret *[2]uint64) uint64 {
	a, b := k.peer+secret[0], k.where&whereKeyMask^secret[1]
	if !k.isWide() {
		return xxh64of16(a, b)
	}
	var buf [32]byte
	binary.LittleEndian.PutUint64(buf[0:], a)
	binary.LittleEndian.PutUint64(buf[8:], b)
	binary.LittleEndian.PutUint64(buf[16:], k.hi+secret[1])
	binary.LittleEndian.PutUint64(buf[24:], k.lo^secret[0])
	return xxhash.Sum64(buf[:])
}

// xxh64of16 is xxhash.Sum64 of the 16 bytes of two little-endian words. The
// library's call costs more than the hash itself, and it is half of a lookup.
func xxh64of16(a, b uint64) uint64 {
	const (
		p1 uint64 = 0x9e3779b185ebca87
		p2 uint64 = 0xc2b2ae3d27d4eb4f
		p3 uint64 = 0x165667b19e3779f9
		p4 uint64 = 0x85ebca77c2b2ae63
		p5 uint64 = 0x27d4eb2f165667c5
	)
	h := p5 + 16
	h = bits.RotateLeft64(h^bits.RotateLeft64(a*p2, 31)*p1, 27)*p1 + p4
	h = bits.RotateLeft64(h^bits.RotateLeft64(b*p2, 31)*p1, 27)*p1 + p4
	h = (h ^ h>>33) * p2
	h = (h ^ h>>29) * p3
	return h ^ h>>32
}
