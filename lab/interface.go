package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Interface is one end of a link, or a host's lo. It is a name on a node, not
// the kernel's object: it stays valid when that is deleted and made again.
type Interface struct {
	node Node
	lab  *Lab
	name string
	cfg  LinkConfig
	far  *Interface // the link's other end, if it is a link's
}

// Name is the interface's name on its node.
func (i *Interface) Name() string { return i.name }

// String is NODE/NAME.
func (i *Interface) String() string { return i.node.Name() + "/" + i.name }

// with runs fn with the interface as it is now.
func (i *Interface) with(fn func(*netlink.Handle, netlink.Link) error) error {
	return i.node.space().rtnetlink(func(nl *netlink.Handle) error {
		link, err := nl.LinkByName(i.name)
		if err != nil {
			return err
		}
		return fn(nl, link)
	})
}

// change runs fn with the interface and reports its error.
func (i *Interface) change(op string, fn func(*netlink.Handle, netlink.Link) error) {
	i.lab.fail(i.String()+": "+op, i.with(fn))
}

// MAC returns the current Ethernet address.
func (i *Interface) MAC() net.HardwareAddr {
	var mac net.HardwareAddr
	i.change("read MAC", func(_ *netlink.Handle, link netlink.Link) error {
		mac = link.Attrs().HardwareAddr
		return nil
	})
	return mac
}

// Index returns the current interface index, which is 0 if there is no such
// interface.
func (i *Interface) Index() int {
	var index int
	err := i.with(func(_ *netlink.Handle, link netlink.Link) error {
		index = link.Attrs().Index
		return nil
	})
	if missing := (netlink.LinkNotFoundError{}); !errors.As(err, &missing) {
		i.lab.fail(i.String()+": read index", err)
	}
	return index
}

// SetMAC changes the Ethernet address; the interface need not be down. The host
// does not announce the new one.
func (i *Interface) SetMAC(mac net.HardwareAddr) {
	i.change("set MAC "+mac.String(), func(nl *netlink.Handle, link netlink.Link) error {
		return nl.LinkSetHardwareAddr(link, mac)
	})
}

// SetMTU changes the MTU of this end only.
func (i *Interface) SetMTU(mtu int) {
	i.change(fmt.Sprintf("set MTU %d", mtu), func(nl *netlink.Handle, link netlink.Link) error {
		return nl.LinkSetMTU(link, mtu)
	})
}

// Up sets the interface up.
func (i *Interface) Up() {
	i.lab.fail(i.String()+": set up", errors.Join(i.setUp(), i.settle()))
}

func (i *Interface) setUp() error {
	return i.with(func(nl *netlink.Handle, link netlink.Link) error { return nl.LinkSetUp(link) })
}

// Down sets the interface down: its routes go, and the other end loses the
// carrier.
func (i *Interface) Down() {
	i.change("set down", func(nl *netlink.Handle, link netlink.Link) error { return nl.LinkSetDown(link) })
	i.lab.fail(i.String()+": set down", i.settle())
}

// settle waits until both ends act on the carrier that they have. The kernel
// does so a little later, and a switch's port drops frames until then; kernels
// from 6.8 on do it before they answer a question for the interface.
func (i *Interface) settle() error {
	const patience, pause = 5 * time.Second, time.Millisecond
	for _, end := range []*Interface{i, i.far} {
		for began := time.Now(); end != nil; time.Sleep(pause) {
			settled, err := end.settled()
			if err != nil {
				return fmt.Errorf("settle %s: %w", end, err)
			}
			if settled {
				break
			}
			if time.Since(began) > patience {
				return fmt.Errorf("settle %s: its carrier had no effect for %v", end, patience)
			}
		}
	}
	return nil
}

func (i *Interface) settled() (settled bool, err error) {
	err = i.with(func(_ *netlink.Handle, link netlink.Link) error {
		flags := link.Attrs().RawFlags
		carrier, running := flags&unix.IFF_LOWER_UP != 0, flags&unix.IFF_RUNNING != 0
		settled = flags&unix.IFF_UP == 0 || carrier == running
		return nil
	})
	return settled, err
}

// Delete removes the interface, and with it the other end of its link.
func (i *Interface) Delete() { i.lab.fail(i.String()+": delete", i.remove()) }

// remove deletes the interface if it is there.
func (i *Interface) remove() error {
	err := i.with(func(nl *netlink.Handle, link netlink.Link) error { return nl.LinkDel(link) })
	if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) {
		return nil
	}
	return err
}

// AddAddr adds an address. An IPv6 one turns IPv6 on.
func (i *Interface) AddAddr(addr netip.Prefix) {
	i.lab.fail(fmt.Sprintf("%s: add address %v", i, addr), i.addAddr(addr))
}

func (i *Interface) addAddr(addr netip.Prefix) error {
	if addr.Addr().Is6() {
		if err := i.enableIPv6(); err != nil {
			return err
		}
	}
	return i.with(func(nl *netlink.Handle, link netlink.Link) error {
		a := &netlink.Addr{IPNet: ipNet(addr)}
		if addr.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD // else it could not be bound to at once
		}
		return nl.AddrReplace(link, a)
	})
}

// DeleteAddr removes an address.
func (i *Interface) DeleteAddr(addr netip.Prefix) {
	i.change(fmt.Sprintf("delete address %v", addr), func(nl *netlink.Handle, link netlink.Link) error {
		return nl.AddrDel(link, &netlink.Addr{IPNet: ipNet(addr)})
	})
}

// Addrs returns the current addresses, IPv4 first.
func (i *Interface) Addrs() []netip.Prefix {
	var addrs []netip.Prefix
	i.change("read addresses", func(nl *netlink.Handle, link netlink.Link) error {
		list, err := nl.AddrList(link, netlink.FAMILY_ALL)
		for _, a := range list {
			ip, _ := netip.AddrFromSlice(a.IP) // the kernel's: 4 or 16 bytes
			bits, _ := a.Mask.Size()
			addrs = append(addrs, netip.PrefixFrom(ip.Unmap(), bits))
		}
		return err
	})
	return addrs
}

func (i *Interface) enableIPv6() error {
	return i.node.space().do(func() error {
		for _, scope := range []string{"lo", i.name} {
			if err := writeSysctl("net/ipv6/conf/"+scope+"/disable_ipv6", "0"); err != nil {
				return err
			}
		}
		return nil
	})
}

// newEnd takes the name that the configuration asks for, or the next free one.
func (h *Host) newEnd(cfg *LinkConfig) *Interface {
	for n := 0; cfg.Name == ""; n++ {
		i := h.Interface(fmt.Sprintf("eth%d", n))
		if i.Index() == 0 {
			cfg.Name = i.name
		}
	}
	return h.Interface(cfg.Name)
}

// attach gives a new interface its addresses.
func (h *Host) attach(i *Interface) error {
	if i.cfg.IPv6 {
		if err := i.enableIPv6(); err != nil {
			return err
		}
	}
	for _, addr := range i.cfg.Addrs {
		if err := i.addAddr(addr); err != nil {
			return fmt.Errorf("add address %v: %w", addr, err)
		}
	}
	return nil
}
