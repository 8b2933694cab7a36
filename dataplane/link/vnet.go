package link

import "encoding/binary"

// VNetHeader is a view of struct virtio_net_hdr (linux/virtio_net.h) in the
// machine's byte order, as AF_PACKET passes it with PACKET_VNET_HDR.
type VNetHeader []byte

// Values of VNetHeader.Flags and VNetHeader.GSOType (linux/virtio_net.h).
const (
	VNetNeedsChecksum = 1 // the transport checksum is still partial
	VNetChecksumValid = 2

	VNetGSONone  = 0
	VNetGSOTCP4  = 1
	VNetGSOUDP   = 3
	VNetGSOTCP6  = 4
	VNetGSOUDPL4 = 5
	VNetGSOECN   = 0x80 // a bit beside the others
)

// Flags returns the checksum flags.
func (h VNetHeader) Flags() uint8 { return h[0] }

// GSOType returns the segmentation type, without the ECN bit.
func (h VNetHeader) GSOType() uint8 { return h[1] &^ VNetGSOECN }

// HeaderLen returns the length of the headers that each segment repeats.
func (h VNetHeader) HeaderLen() uint16 { return binary.NativeEndian.Uint16(h[2:]) }

// GSOSize returns the payload bytes of each segment.
func (h VNetHeader) GSOSize() uint16 { return binary.NativeEndian.Uint16(h[4:]) }

// ChecksumStart returns the offset in the frame at which summing starts.
func (h VNetHeader) ChecksumStart() uint16 { return binary.NativeEndian.Uint16(h[6:]) }

// ChecksumOffset returns where, behind ChecksumStart, the sum is stored.
func (h VNetHeader) ChecksumOffset() uint16 { return binary.NativeEndian.Uint16(h[8:]) }

// IsGSO reports whether the frame is to be cut into segments on the way out.
func (h VNetHeader) IsGSO() bool { return h.GSOType() != VNetGSONone }

// Shift moves the offsets that count from the start of the frame by n bytes,
// as pushing (n > 0) or popping a tag makes necessary.
func (h VNetHeader) Shift(n int) {
	if h.HeaderLen() != 0 {
		binary.NativeEndian.PutUint16(h[2:], uint16(int(h.HeaderLen())+n))
	}
	if h.Flags()&VNetNeedsChecksum != 0 {
		binary.NativeEndian.PutUint16(h[6:], uint16(int(h.ChecksumStart())+n))
	}
}

// Clear marks the frame as complete: no checksum or segmentation to be done.
func (h VNetHeader) Clear() { clear(h) }
