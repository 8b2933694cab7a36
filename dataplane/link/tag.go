package link

import "encoding/binary"

const (
	tagLen  = 4
	macsLen = 12
)

// PushTag puts the tag of f back between the source address and the EtherType
// (IEEE 802.1Q, 9.3), by moving the virtio_net header and the addresses into the
// headroom. It returns both headers and the frame; f is used up.
func (f *Frame) PushTag() []byte {
	const vnet = Headroom - VNetHeaderLen
	b := f.Raw[vnet-tagLen:]
	copy(b, f.Raw[vnet:Headroom+macsLen])
	VNetHeader(b[:VNetHeaderLen]).Shift(tagLen)
	tag := b[VNetHeaderLen+macsLen:]
	binary.BigEndian.PutUint16(tag, f.TPID)
	binary.BigEndian.PutUint16(tag[2:], f.TCI)
	return b
}
