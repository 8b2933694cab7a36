package generator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Values of linux/netdev.h.
const (
	netdevFamily     = "netdev"
	netdevGet        = 1
	netdevIndex      = 1
	netdevFeatures   = 3
	featureTransmits = 1 << 2 // NETDEV_XDP_ACT_NDO_XMIT
)

// errNoTransmit is that of a driver which drops live frames, and counts them
// nowhere.
var errNoTransmit = errors.New("its driver does not send what XDP redirects to it (a veth does with GRO on at its other end)")

// errUntold is that of a kernel which does not say it.
var errUntold = errors.New("this kernel does not tell whether the driver sends what XDP redirects to it (Linux 6.3 does), and a driver that does not would lose each frame uncounted")

// genericHeader is struct genlmsghdr of linux/genetlink.h: command, version, and
// two bytes that must be 0, which nl.Genlmsg leaves to chance.
type genericHeader [4]byte

func (genericHeader) Len() int            { return 4 }
func (h genericHeader) Serialize() []byte { return h[:] }

// transmits finds out whether the interface's driver sends frames that come from
// XDP, by a question such as xdpFeatures: errNoTransmit if not, errUntold where the
// kernel does not tell.
func transmits(index int, ask func(index int) (uint64, error)) error {
	features, err := ask(index)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errUntold
	case err != nil:
		return fmt.Errorf("ask for the driver's XDP features: %w", err)
	case features&featureTransmits == 0:
		return errNoTransmit
	}
	return nil
}

// xdpFeatures asks the kernel (Documentation/netlink/specs/netdev.yaml). The error
// is fs.ErrNotExist where the kernel has no such question.
func xdpFeatures(index int) (uint64, error) {
	family, err := netlink.GenlFamilyGet(netdevFamily)
	if errors.Is(err, unix.ENOENT) {
		return 0, fs.ErrNotExist
	}
	if err != nil {
		return 0, err
	}
	request := nl.NewNetlinkRequest(int(family.ID), 0)
	request.AddData(genericHeader{netdevGet, 1})
	request.AddData(nl.NewRtAttr(netdevIndex, nl.Uint32Attr(uint32(index))))
	answers, err := request.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, err
	}
	for _, answer := range answers {
		attributes, err := nl.ParseRouteAttr(answer[nl.SizeofGenlmsg:])
		if err != nil {
			return 0, err
		}
		for _, a := range attributes {
			if a.Attr.Type&nl.NLA_TYPE_MASK == netdevFeatures && len(a.Value) == 8 {
				return binary.NativeEndian.Uint64(a.Value), nil
			}
		}
	}
	return 0, errors.New("the answer has none")
}
