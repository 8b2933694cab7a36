package via

import (
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// neighborHeader is the size of struct ndmsg: family, three bytes of padding,
// interface, state, flags, type.
const neighborHeader = 12

// ndaProtocol is NDA_PROTOCOL of linux/neighbour.h, since Linux 5.0.
const ndaProtocol = 12

func (n neighbor) message(add bool) message {
	header := make([]byte, neighborHeader)
	header[0] = family(n.addr)
	native.PutUint32(header[4:], uint32(n.index))
	kind := uint16(unix.RTM_DELNEIGH)
	if add {
		kind = unix.RTM_NEWNEIGH
		native.PutUint16(header[8:], unix.NUD_PERMANENT)
	}
	m := newMessage(kind, header)
	m.addr(unix.NDA_DST, n.addr)
	if add {
		m.attrs.Bytes(unix.NDA_LLADDR, n.mac[:])
		m.attrs.Uint8(ndaProtocol, Protocol)
	}
	return m
}

// neighbors returns the permanent entries of this package, and the others.
func (k *kernel) neighbors() (ours, others []neighbor, err error) {
	for _, family := range families {
		header := make([]byte, neighborHeader)
		header[0] = family
		err := k.dump(newMessage(unix.RTM_GETNEIGH, header), neighborHeader, func(header []byte, attrs *netlink.AttributeDecoder) error {
			n := neighbor{index: int(native.Uint32(header[4:]))}
			protocol := uint8(0)
			for attrs.Next() {
				switch attrs.Type() {
				case unix.NDA_DST:
					n.addr, _ = netip.AddrFromSlice(attrs.Bytes())
				case unix.NDA_LLADDR:
					copy(n.mac[:], attrs.Bytes())
				case ndaProtocol:
					protocol = attrs.Uint8()
				}
			}
			permanent := native.Uint16(header[8:])&unix.NUD_PERMANENT != 0
			switch {
			case protocol == Protocol:
				ours = append(ours, n)
			case permanent:
				others = append(others, n)
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return ours, others, nil
}
