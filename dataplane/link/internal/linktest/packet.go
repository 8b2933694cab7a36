package linktest

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"lvsdr/dataplane/link"
)

// Packet is a frame on the cable, with its virtio_net header and its tag.
type Packet struct {
	Data      []byte
	VNet      [link.VNetHeaderLen]byte
	TCI, TPID uint16
}

// Clone returns a copy that shares no memory with p.
func (p *Packet) Clone() Packet {
	c := *p
	c.Data = bytes.Clone(p.Data)
	return c
}

// Addresses of the frames: of the far end, and of the server that they are
// forwarded to (locally administered).
var (
	FarMAC    = [6]byte{2, 0, 0, 0, 0, 0xfe}
	serverMAC = [6]byte{2, 0, 0, 0, 0, 0x51}
)

// readdress does to a frame what the dataplane does.
func readdress(data []byte) {
	copy(data[6:], data[:6])
	copy(data, serverMAC[:])
}

// differs says how p is not the frame that want is. A hint (the header length)
// and a promise (checksum valid) may be lost on the way, and a partial checksum of a
// frame that is not to be cut may have been completed.
func (p Packet) differs(want Packet) error {
	v, w := link.VNetHeader(p.VNet[:]), link.VNetHeader(want.VNet[:])
	if w.Flags()&link.VNetNeedsChecksum != 0 && v.Flags()&link.VNetNeedsChecksum == 0 && !w.IsGSO() {
		want = want.completed()
	}
	if !bytes.Equal(p.Data, want.Data) {
		return fmt.Errorf("%d bytes, want %d: they differ at %d",
			len(p.Data), len(want.Data), firstDifference(p.Data, want.Data))
	}
	if p.TPID != want.TPID || p.TCI != want.TCI {
		return fmt.Errorf("tag %#04x %#04x, want %#04x %#04x", p.TPID, p.TCI, want.TPID, want.TCI)
	}
	if got, want := offloads(p.VNet), offloads(want.VNet); got != want {
		return fmt.Errorf("virtio_net header % x, want % x", got, want)
	}
	return nil
}

// completed is the packet with its whole checksum.
func (p *Packet) completed() Packet {
	c := p.Clone()
	v := link.VNetHeader(c.VNet[:])
	start := int(v.ChecksumStart())
	binary.BigEndian.PutUint16(c.Data[start+int(v.ChecksumOffset()):], ^sum(c.Data[start:]))
	v.Clear()
	return c
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func offloads(h [link.VNetHeaderLen]byte) [link.VNetHeaderLen]byte {
	h[0] &^= link.VNetChecksumValid
	h[2], h[3] = 0, 0
	return h
}

// Offsets in the frames that are built here.
const (
	offIP = 14
	offL4 = offIP + 20
)

// ip starts a frame of the given size for dst: Ethernet and IPv4 headers.
func ip(dst [6]byte, size int, protocol byte) []byte {
	b := make([]byte, size)
	copy(b, dst[:])
	copy(b[6:], FarMAC[:])
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	h := b[offIP:offL4]
	h[0], h[8], h[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(h[2:], uint16(size-offIP))
	copy(h[12:], []byte{198, 51, 100, 1})
	copy(h[16:], []byte{192, 0, 2, 10})
	binary.BigEndian.PutUint16(h[10:], ^sum(h))
	return b
}

// sum is the ones' complement sum of RFC 1071.
func sum(b []byte) uint16 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// UDP builds a complete frame of the given size, at least 60, whose payload
// depends on seq.
func UDP(dst [6]byte, size, seq int) Packet {
	b := ip(dst, size, 17)
	binary.BigEndian.PutUint16(b[offL4:], uint16(1024+seq%60_000))
	binary.BigEndian.PutUint16(b[offL4+2:], 53)
	binary.BigEndian.PutUint16(b[offL4+4:], uint16(size-offL4)) // checksum 0: none
	for i := offL4 + 8; i < size; i++ {
		b[i] = byte(seq + i*7)
	}
	return Packet{Data: b}
}

// MaxTCP is the longest super-frame that Linux makes: an interface cuts those
// above its gso_max_size of 64 KiB, and TCP leaves room for its own headers.
const MaxTCP = 65_226

// mss is the payload of a segment of a super-frame.
const mss = 1448

// TCP builds a frame of the given size as a sending host hands it to its
// interface: checksum partial, and still to be cut if it is longer than 1514.
func TCP(dst [6]byte, size int) Packet {
	p := Packet{Data: ip(dst, size, 6)}
	h := p.Data[offL4:]
	binary.BigEndian.PutUint16(h, 40_000)
	binary.BigEndian.PutUint16(h[2:], 80)
	h[12], h[13] = 5<<4, 0x10
	binary.BigEndian.PutUint16(h[14:], 0xffff)
	for i := 20; i < len(h); i++ {
		h[i] = byte(i * 13)
	}
	pseudo := append([]byte{}, p.Data[offIP+12:offIP+20]...)
	pseudo = append(pseudo, 0, 6, byte(len(h)>>8), byte(len(h)))
	binary.BigEndian.PutUint16(h[16:], sum(pseudo))

	p.VNet[0] = link.VNetNeedsChecksum
	binary.NativeEndian.PutUint16(p.VNet[2:], offL4+20)
	binary.NativeEndian.PutUint16(p.VNet[6:], offL4)
	binary.NativeEndian.PutUint16(p.VNet[8:], 16)
	if size > 1514 {
		p.VNet[1] = link.VNetGSOTCP4
		binary.NativeEndian.PutUint16(p.VNet[4:], mss)
	}
	return p
}
