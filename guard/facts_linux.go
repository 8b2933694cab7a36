package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lvsdr/internal/ethtool"
)

// byName returns the interface, or nil.
func byName(name string, links []netlink.Link) netlink.Link {
	i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Name == name })
	if i < 0 {
		return nil
	}
	return links[i]
}

func byIndex(index int, links []netlink.Link) netlink.Link {
	i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Index == index })
	if i < 0 {
		return nil
	}
	return links[i]
}

func readMTUs(f *Facts, links []netlink.Link) {
	if l := byName(f.Interface, links); l != nil {
		f.MTU = l.Attrs().MTU
	}
	if l := byName(f.egress(), links); l != nil {
		f.EgressMTU = l.Attrs().MTU
	}
}

// readProxied finds the VIPs in the lists of proxy neighbours of the interfaces that
// take up the frames.
func readProxied(f *Facts, links []netlink.Link) error {
	for _, name := range takers(f.Interface, links) {
		l := byName(name, links)
		if l == nil {
			continue
		}
		for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
			neighbors, err := netlink.NeighProxyList(l.Attrs().Index, family)
			if err != nil {
				return fmt.Errorf("list proxy neighbours of %s: %w", name, err)
			}
			for _, n := range neighbors {
				addr, _ := netip.AddrFromSlice(n.IP)
				if addr = addr.Unmap(); slices.Contains(f.VIPs, addr) {
					f.Proxied = append(f.Proxied, Proxied{VIP: addr, Interface: name})
				}
			}
		}
	}
	return nil
}

// readReversePath reads rp_filter, and where it is on, the routes by which it judges.
func readReversePath(f *Facts, links []netlink.Link) (err error) {
	if f.ReversePath, err = sysctlMax(f.egress(), "rp_filter"); err != nil || f.ReversePath == 0 {
		return err
	}
	f.Routes = make(map[netip.Addr]string)
	for _, vip := range f.VIPs {
		if !vip.Is4() {
			continue
		}
		found, err := netlink.RouteGet(vip.AsSlice())
		if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.EACCES) {
			continue
		}
		if err != nil {
			return fmt.Errorf("route to %v: %w", vip, err)
		}
		for _, r := range found {
			if l := byIndex(r.LinkIndex, links); l != nil {
				f.Routes[vip] = l.Attrs().Name
			}
		}
	}
	return nil
}

func readOffload(f *Facts, links []netlink.Link) error {
	if byName(f.Interface, links) == nil {
		return nil
	}
	flags, err := ethtoolFlags(f.Interface)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("offloads of %s: %w", f.Interface, err)
	}
	f.LRO = flags&ethFlagLRO != 0
	return nil
}

// ethFlagLRO is ETH_FLAG_LRO of linux/ethtool.h.
const ethFlagLRO = 1 << 15

// ethtoolFlags returns an interface's flags as ETHTOOL_GFLAGS tells them.
func ethtoolFlags(name string) (uint32, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return ethtool.Value(fd, name, unix.ETHTOOL_GFLAGS, 0)
}

// readBridges finds the bridges that the interfaces are, or are ports of, and what of
// br_netfilter is on.
func readBridges(f *Facts, links []netlink.Link) error {
	for _, name := range []string{f.Interface, f.egress()} {
		l := byName(name, links)
		if l != nil && l.Type() != "bridge" {
			l = byIndex(l.Attrs().MasterIndex, links)
		}
		if l != nil && l.Type() == "bridge" && !slices.Contains(f.Bridges, l.Attrs().Name) {
			f.Bridges = append(f.Bridges, l.Attrs().Name)
		}
	}
	calls := []string{}
	if has(f.VIPs, netip.Addr.Is4) {
		calls = append(calls, "bridge-nf-call-iptables", "bridge-nf-call-arptables")
	}
	if has(f.VIPs, netip.Addr.Is6) {
		calls = append(calls, "bridge-nf-call-ip6tables")
	}
	for _, name := range calls {
		if err := appendIfOn(&f.BridgeCalls, "net/bridge/"+name, name); err != nil {
			return err
		}
	}
	return nil
}
