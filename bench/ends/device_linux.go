package ends

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// device is a network interface, in the network namespace of the thread that opened
// it.
type device struct {
	netlink *netlink.Handle
	name    string
	index   int
	mac     [6]byte
	mtu     int
}

// openDevice finds an interface that frames can be sent out of.
func openDevice(name string) (*device, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	d := &device{netlink: handle, name: name}
	if err := d.find(); err != nil {
		d.close()
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return d, nil
}

func (d *device) find() error {
	link, err := d.netlink.LinkByName(d.name)
	if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) {
		return fmt.Errorf("there is none of that name: %w", unix.ENODEV)
	}
	if err != nil {
		return err
	}
	a := link.Attrs()
	switch {
	case len(a.HardwareAddr) != 6 || a.Flags&net.FlagLoopback != 0:
		return errors.New("it has no Ethernet address: only Ethernet is measured")
	case a.Flags&net.FlagUp == 0:
		return fmt.Errorf("it is down: ip link set %s up", d.name)
	}
	d.index, d.mtu = a.Index, a.MTU
	copy(d.mac[:], a.HardwareAddr)
	return nil
}

// vlans are the names of the VLANs that the host has on the interface.
func (d *device) vlans() ([]string, error) {
	links, err := d.netlink.LinkList()
	// A list that changed while it was read is as good as an older one.
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("interface %s: list its VLANs: %w", d.name, err)
	}
	return vlansOn(d.index, links), nil
}

// vlansOn picks the VLANs on an interface of this network namespace.
func vlansOn(index int, links []netlink.Link) (names []string) {
	for _, link := range links {
		a := link.Attrs()
		if link.Type() == "vlan" && a.ParentIndex == index && a.NetNsID < 0 {
			names = append(names, a.Name)
		}
	}
	return names
}

// counters are what an interface says of frames that it was to send.
type counters struct{ sent, dropped uint64 }

func (c counters) since(b counters) counters {
	return counters{sent: c.sent - b.sent, dropped: c.dropped - b.dropped}
}

// sent reads the interface's counters.
func (d *device) sent() (c counters, err error) {
	link, err := d.netlink.LinkByIndex(d.index)
	if err != nil {
		return c, fmt.Errorf("interface %s: read counters: %w", d.name, err)
	}
	if s := link.Attrs().Statistics; s != nil {
		c = counters{sent: s.TxPackets, dropped: s.TxDropped}
	}
	return c, nil
}

func (d *device) close() { d.netlink.Close() }
