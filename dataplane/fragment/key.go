package fragment

import "lvsdr/frame"

// Key names a datagram. Keys are compared with ==.
type Key struct {
	src, dst frame.Addr
	id       uint64 // identification (32) | IPv4 protocol (8)
}

// KeyOf returns the key of the datagram that p is a fragment of.
func KeyOf(p *frame.Packet) Key {
	id := uint64(p.FragmentID) << 8
	if p.Has(frame.IsIPv4) {
		id |= uint64(p.Key.Protocol)
	}
	return Key{p.Key.Src, p.Key.Dst, id}
}

// Piece is which bytes of its datagram a fragment carries, counted from the
// first byte that is cut into fragments.
type Piece struct {
	Start, End uint16 // End is one behind the last byte
	More       bool   // others follow behind it
}

// unit is what offsets are counted in: all fragments but the last end at a
// multiple of it.
const unit = 8

// PieceOf returns the piece that the fragment p carries. It is empty if p
// carries less than a unit and is not the last.
//
// An IPv4 fragment that is not the last and ends between two units counts up to
// the former, as it does for Linux; package frame refuses IPv6 ones.
func PieceOf(p *frame.Packet) Piece {
	size, more := p.FragmentLen, p.Has(frame.MoreFragments)
	if more {
		size -= size % unit
	}
	return Piece{p.FragmentOffset, p.FragmentOffset + size, more}
}
