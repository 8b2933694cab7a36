package afpacket

import (
	"encoding/binary"

	"lvsdr/dataplane/link"
)

const (
	tagLen  = 4
	macsLen = 12
)

// pushTag puts the tag of f back between the source address and the EtherType
// (IEEE 802.1Q, 9.3), by moving the virtio_net header and the addresses into
// the headroom. It returns both headers and the frame.
func pushTag(f *link.Frame) []byte {
	const vnet = link.Headroom - link.VNetHeaderLen
	b := f.Raw[vnet-tagLen:]
	copy(b, f.Raw[vnet:link.Headroom+macsLen])
	link.VNetHeader(b[:link.VNetHeaderLen]).Shift(tagLen)
	tag := b[link.VNetHeaderLen+macsLen:]
	binary.BigEndian.PutUint16(tag, f.TPID)
	binary.BigEndian.PutUint16(tag[2:], f.TCI)
	return b
}
