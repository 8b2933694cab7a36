package lab

import (
	"fmt"

	"golang.org/x/sys/unix"

	"lvsdr/internal/ethtool"
)

// Offload is work that an interface does in the kernel's place, or lets it put
// off.
type Offload struct {
	name     string
	get, set uint32 // ETHTOOL_G… and ETHTOOL_S…
}

// The offloads, named as ethtool -K does.
var (
	TxChecksum    = Offload{"tx", unix.ETHTOOL_GTXCSUM, unix.ETHTOOL_STXCSUM}
	RxChecksum    = Offload{"rx", unix.ETHTOOL_GRXCSUM, unix.ETHTOOL_SRXCSUM}
	ScatterGather = Offload{"sg", unix.ETHTOOL_GSG, unix.ETHTOOL_SSG}
	TSO           = Offload{"tso", unix.ETHTOOL_GTSO, unix.ETHTOOL_STSO}
	GSO           = Offload{"gso", unix.ETHTOOL_GGSO, unix.ETHTOOL_SGSO}
	GRO           = Offload{"gro", unix.ETHTOOL_GGRO, unix.ETHTOOL_SGRO}
)

// String returns ethtool's name.
func (o Offload) String() string { return o.name }

// SetOffloads switches all offloads of this end that concern a whole frame: with
// them off, it sends complete checksums and no frame above the MTU, and does not
// merge what it receives. For frames that are complete on every capture of a
// LAN, all hosts' ends must have them off.
func (i *Interface) SetOffloads(on bool) {
	for _, o := range []Offload{TxChecksum, ScatterGather, TSO, GSO, GRO} {
		i.SetOffload(o, on)
	}
}

// SetOffload switches one offload. The kernel may refuse silently: TSO stays
// off while ScatterGather or TxChecksum is.
func (i *Interface) SetOffload(o Offload, on bool) {
	value := uint32(0)
	if on {
		value = 1
	}
	_, err := i.ethtool(o.set, value)
	i.lab.fail(fmt.Sprintf("%s: set %s %v", i, o, on), err)
}

// Offload reports whether an offload is on.
func (i *Interface) Offload(o Offload) bool {
	value, err := i.ethtool(o.get, 0)
	i.lab.fail(fmt.Sprintf("%s: read %s", i, o), err)
	return value != 0
}

// ethtool asks the interface's driver with one of the commands that take and
// return a number.
func (i *Interface) ethtool(command, value uint32) (uint32, error) {
	err := i.node.space().do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open socket: %w", err)
		}
		defer unix.Close(fd)
		value, err = ethtool.Value(fd, i.name, command, value)
		return err
	})
	return value, err
}
