package generator

import "encoding/binary"

// Lengths of headers without options, and their numbers.
const (
	ethernet  = 14
	ipv4      = 20
	ipv6      = 40
	udpHeader = 8
	tcpHeader = 20

	protocolTCP = 6
	protocolUDP = 17
)

// layout is where in a frame without VLAN tag, IP options and extension headers
// the fields are that are written for each flow. All are at even offsets.
type layout struct {
	ipChecksum int // 0: IPv6 has none
	addresses  int // source and destination
	source     int // last word of the source's address
	port       int // source port, the first field of the segment
	checksum   int // the segment's
	flags      int // TCP's
	headers    int // length of all; what follows is 0
	tcp        bool
}

// layout returns that of the traffic's frames.
func (t *Traffic) layout() layout {
	l := layout{ipChecksum: ethernet + 10, addresses: ethernet + 12, source: ethernet + 14, port: ethernet + ipv4}
	if t.To.Addr().Is6() {
		l = layout{addresses: ethernet + 8, source: ethernet + 22, port: ethernet + ipv6}
	}
	if t.Protocol == TCP {
		l.tcp, l.flags, l.checksum, l.headers = true, l.port+13, l.port+16, l.port+tcpHeader
	} else {
		l.checksum, l.headers = l.port+6, l.port+udpHeader
	}
	return l
}

// number is the protocol's (IANA).
func (t *Traffic) number() byte {
	if t.Protocol == TCP {
		return protocolTCP
	}
	return protocolUDP
}

// hopLimit is what hosts send with.
const hopLimit = 64

// writeIPv4 writes an IPv4 header into a frame (RFC 791).
func writeIPv4(f []byte, t *Traffic) {
	binary.BigEndian.PutUint16(f[12:], 0x0800)
	h := f[ethernet:]
	h[0] = 0x45
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)))
	binary.BigEndian.PutUint16(h[6:], 0x4000) // do not fragment
	h[8], h[9] = hopLimit, t.number()
	copy(h[12:], t.From.Addr().AsSlice())
	copy(h[16:], t.To.Addr().AsSlice())
}

// writeIPv6 writes an IPv6 header into a frame (RFC 8200).
func writeIPv6(f []byte, t *Traffic) {
	binary.BigEndian.PutUint16(f[12:], 0x86dd)
	h := f[ethernet:]
	h[0] = 0x60
	binary.BigEndian.PutUint16(h[4:], uint16(len(h)-ipv6))
	h[6], h[7] = t.number(), hopLimit
	copy(h[8:], t.From.Addr().AsSlice())
	copy(h[24:], t.To.Addr().AsSlice())
}
