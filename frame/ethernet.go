package frame

import "encoding/binary"

// Lengths in bytes.
const (
	EthernetLen = 14 // destination, source, EtherType
	VLANLen     = 4  // an 802.1Q or 802.1ad tag
)

const (
	ethernetDst  = 0
	ethernetSrc  = 6
	ethernetType = 12
)

// Ethernet is a view of a frame, from its destination address on.
type Ethernet []byte

// Dst returns the destination address.
func (e Ethernet) Dst() MAC { return MAC(e[ethernetDst:]) }

// SetDst sets the destination address.
func (e Ethernet) SetDst(m MAC) { *(*MAC)(e[ethernetDst:]) = m }

// Src returns the source address.
func (e Ethernet) Src() MAC { return MAC(e[ethernetSrc:]) }

// SetSrc sets the source address.
func (e Ethernet) SetSrc(m MAC) { *(*MAC)(e[ethernetSrc:]) = m }

// EtherType returns the type behind the addresses: of a tagged frame, the outer tag's.
func (e Ethernet) EtherType() uint16 { return binary.BigEndian.Uint16(e[ethernetType:]) }

// SetEtherType sets the type behind the addresses.
func (e Ethernet) SetEtherType(t uint16) { binary.BigEndian.PutUint16(e[ethernetType:], t) }
