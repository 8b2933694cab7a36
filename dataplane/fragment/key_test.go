package fragment

import (
	"encoding/binary"
	"testing"

	"lvsdr/frame"
)

// addresses of a client and a VIP.
var (
	client4, vip4 = frame.AddrFrom4(0xc6336407), frame.AddrFrom4(0xc000020a)
	client6, vip6 = frame.Addr{Hi: 0x20010db8_00010000, Lo: 7}, frame.Addr{Hi: 0x20010db8_00000000, Lo: 10}
)

const vlanTag = 0x81000007

// fragment4 is a frame with a fragment of an IPv4 datagram.
func fragment4(src frame.Addr, protocol uint8, id, offset uint16, more bool, payload []byte) []byte {
	b := make([]byte, frame.EthernetLen+frame.IPv4Len, 1600)
	binary.BigEndian.PutUint16(b[12:], frame.EtherTypeIPv4)
	h := frame.IPv4(b[frame.EthernetLen:])
	h.Init(src, vip4, protocol, 64, len(payload))
	flags := offset / unit
	if more {
		flags |= 1 << 13
	}
	binary.BigEndian.PutUint16(h[4:], id)
	binary.BigEndian.PutUint16(h[6:], flags)
	h.UpdateChecksum()
	return append(b, payload...)
}

// fragment6 is a frame with a fragment of an IPv6 datagram.
func fragment6(next uint8, id uint32, offset uint16, more bool, payload []byte) []byte {
	const headers = frame.EthernetLen + frame.IPv6Len + 8
	b := make([]byte, headers, 1600)
	binary.BigEndian.PutUint16(b[12:], frame.EtherTypeIPv6)
	frame.IPv6(b[frame.EthernetLen:]).Init(client6, vip6, 44, 64, 8+len(payload))
	header := b[headers-8:]
	if more {
		offset |= 1
	}
	header[0] = next
	binary.BigEndian.PutUint16(header[2:], offset)
	binary.BigEndian.PutUint32(header[4:], id)
	return append(b, payload...)
}

// datagramUDP is a UDP datagram with n bytes of payload, without checksum.
func datagramUDP(n int) []byte {
	b := make([]byte, frame.UDPLen+n)
	binary.BigEndian.PutUint32(b, 40000<<16|80)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	for i := range b[frame.UDPLen:] {
		b[frame.UDPLen+i] = byte(i * 7)
	}
	return b
}

func parse(tb testing.TB, b []byte) *frame.Packet {
	tb.Helper()
	p := new(frame.Packet)
	if m := frame.Parse(b, p); m != frame.OK || !p.Has(frame.IsFragment) {
		tb.Fatalf("%x\nparses to %v %+v", b, m, p)
	}
	return p
}

func keyOf(tb testing.TB, b []byte) Key {
	tb.Helper()
	return KeyOf(parse(tb, b))
}

func tagged(b []byte) []byte {
	tag := binary.BigEndian.AppendUint32(nil, vlanTag)
	return append(append(b[:12:12], tag...), b[12:]...)
}

func TestKeys(t *testing.T) {
	udp := datagramUDP(72)
	base := fragment4(client4, 17, 9, 0, true, udp)
	base6 := fragment6(17, 9, 0, true, udp)
	cases := []struct {
		name string
		a, b []byte
		same bool
	}{
		{"a later fragment", base, fragment4(client4, 17, 9, 80, false, udp), true},
		{"another identification", base, fragment4(client4, 17, 10, 80, false, udp), false},
		{"another protocol", base, fragment4(client4, 132, 9, 80, false, udp), false},
		{"another source", base, fragment4(frame.AddrFrom4(0xc6336408), 17, 9, 80, false, udp), false},
		{"another VLAN", base, tagged(fragment4(client4, 17, 9, 80, false, udp)), true},
		{"the other direction", fragment4(client4, 17, 9, 80, true, udp), turned(fragment4(client4, 17, 9, 80, true, udp)), false},
		{"a later fragment of IPv6", base6, fragment6(17, 9, 80, false, udp), true},
		{"a later fragment of IPv6 with another next header", base6, fragment6(60, 9, 80, false, udp), true},
		{"another identification of IPv6", base6, fragment6(17, 9|1<<24, 80, false, udp), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := keyOf(t, c.a) == keyOf(t, c.b); got != c.same {
				t.Errorf("same key: %v", got)
			}
		})
	}
}

// turned exchanges the addresses of an IPv4 packet.
func turned(b []byte) []byte {
	h := frame.IPv4(b[frame.EthernetLen:])
	src, dst := h.Src(), h.Dst()
	h.SetSrc(dst)
	h.SetDst(src)
	h.UpdateChecksum()
	return b
}

func TestPieces(t *testing.T) {
	padded := append(fragment4(client4, 17, 9, 160, false, []byte("end")), make([]byte, 23)...)
	options := append([]byte{17, 0, 1, 4, 0, 0, 0, 0}, datagramUDP(72)...) // destination options, then UDP
	cases := []struct {
		name string
		b    []byte
		want Piece
	}{
		{"first", fragment4(client4, 17, 9, 0, true, datagramUDP(72)), Piece{0, 80, true}},
		{"first, cut between two units", fragment4(client4, 17, 9, 0, true, datagramUDP(79)), Piece{0, 80, true}},
		{"later", fragment4(client4, 17, 9, 80, true, make([]byte, 80)), Piece{80, 160, true}},
		{"later, less than a unit", fragment4(client4, 17, 9, 80, true, make([]byte, 7)), Piece{80, 80, true}},
		{"last, in a padded frame", padded, Piece{160, 163, false}},
		{"up to the largest", fragment4(client4, 17, 9, 65504, false, make([]byte, 11)), Piece{65504, 65515, false}},
		{"first of IPv6", fragment6(17, 9, 0, true, datagramUDP(72)), Piece{0, 80, true}},
		{"first of IPv6 with options behind its header", fragment6(60, 9, 0, true, options), Piece{0, 88, true}},
		{"last of IPv6", fragment6(60, 9, 88, false, []byte("end")), Piece{88, 91, false}},
		{"up to the largest of IPv6", fragment6(60, 9, 65528, false, make([]byte, 7)), Piece{65528, 65535, false}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := PieceOf(parse(t, c.b)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
