package memlink

import (
	"bytes"

	"lvsdr/dataplane/link"
)

// Packet is a frame on the wire, with what travels beside it.
type Packet struct {
	// Data is the Ethernet frame from the destination MAC on.
	Data []byte
	// VNet is the virtio_net header; zero: a complete frame.
	VNet [link.VNetHeaderLen]byte
	// TCI and TPID are the VLAN tag beside the frame; TPID 0: none.
	TCI, TPID uint16
	// WireLen is the frame's length on the wire; 0: that of Data. If it is
	// larger than Data, the frame comes up cut.
	WireLen int
}

func (p *Packet) wireLen() int { return max(p.WireLen, len(p.Data)) }

// Clone returns a copy that shares no memory with p.
func (p *Packet) Clone() Packet {
	c := *p
	c.Data = bytes.Clone(p.Data)
	return c
}

// Frame builds a frame to be sent, in memory of its own.
func (p *Packet) Frame() link.Frame {
	f := link.Frame{Raw: make([]byte, link.Headroom, link.Headroom+len(p.Data))}
	p.fill(&f)
	return f
}

// fill writes p into the memory of f, which grows if it must.
func (p *Packet) fill(f *link.Frame) {
	f.Raw = append(f.Raw[:link.Headroom], p.Data...)
	copy(f.VNet(), p.VNet[:])
	f.TCI, f.TPID, f.WireLen = p.TCI, p.TPID, p.wireLen()
}

// fromFrame copies f as it will be seen at the far end.
func fromFrame(f *link.Frame) Packet {
	p := Packet{Data: bytes.Clone(f.Data()), TCI: f.TCI, TPID: f.TPID, WireLen: len(f.Data())}
	copy(p.VNet[:], f.VNet())
	return p
}
