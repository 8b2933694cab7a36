package guard

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is where facts come from. Read leaves Guarded to the caller.
type Host interface {
	Read(Config) (Facts, error)
}

// LinuxHost is the running kernel: rtnetlink(7), ethtool and /proc/sys, in the network
// namespace of the calling thread.
type LinuxHost struct{}

// Read implements Host. An interface that is not there has no facts.
func (LinuxHost) Read(c Config) (Facts, error) {
	f := Facts{Interface: c.Interface, Egress: c.Egress, VIPs: c.VIPs}
	links, err := netlink.LinkList()
	if err != nil {
		return f, fmt.Errorf("list interfaces: %w", err)
	}
	readMTUs(&f, links)
	for _, read := range []func(*Facts, []netlink.Link) error{
		readSwitches, readProxied, readReversePath, readOffload, readBridges,
	} {
		if err := read(&f, links); err != nil {
			return f, err
		}
	}
	f.Local, err = local(c.VIPs, links)
	return f, err
}

// readSwitches reads what the kernel does with the frames of the interface.
func readSwitches(f *Facts, links []netlink.Link) error {
	for _, name := range takers(f.Interface, links) {
		if err := appendIfOn(&f.Forwarding4, "net/ipv4/conf/"+name+"/forwarding", name); err != nil {
			return err
		}
		if err := appendIfOn(&f.ProxyARP, "net/ipv4/conf/"+name+"/proxy_arp", name); err != nil {
			return err
		}
		if err := readProxyNDP(f, name); err != nil {
			return err
		}
	}
	err := appendIfOn(&f.ProxyARP, "net/ipv4/conf/all/proxy_arp", "all")
	if err != nil {
		return err
	}
	if f.Forwarding6, err = forwards6(f.Interface); err != nil {
		return err
	}
	redirects, err := sysctlMax(f.Interface, "send_redirects")
	f.Redirects = redirects > 0
	return err
}

// readProxyNDP asks what ndisc_recv_ns() asks.
func readProxyNDP(f *Facts, name string) error {
	on, err := sysctlOn("net/ipv6/conf/" + name + "/forwarding")
	if err != nil || !on {
		return err
	}
	if on, err = sysctlOn("net/ipv6/conf/all/proxy_ndp"); err != nil {
		return err
	}
	if on {
		f.ProxyNDP = append(f.ProxyNDP, name)
		return nil
	}
	return appendIfOn(&f.ProxyNDP, "net/ipv6/conf/"+name+"/proxy_ndp", name)
}

// appendIfOn appends the name if the switch is on.
func appendIfOn(list *[]string, key, name string) error {
	on, err := sysctlOn(key)
	if on {
		*list = append(*list, name)
	}
	return err
}

// interfaceIndex returns the index of an interface, or ErrGone.
func interfaceIndex(name string) (int, error) {
	l, err := netlink.LinkByName(name)
	var absent netlink.LinkNotFoundError
	if errors.As(err, &absent) {
		return 0, fmt.Errorf("interface %s %w", name, ErrGone)
	}
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	return l.Attrs().Index, nil
}

// takers names the interfaces on which the kernel's IP takes up what arrives on
// name: itself, the bridge or bond that it is a port of, and what is stacked
// on it (VLAN, macvlan).
func takers(name string, links []netlink.Link) []string {
	i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Name == name })
	if i < 0 {
		return []string{name} // being made again; its sysctls are absent
	}
	names := []string{name}
	ingress := links[i].Attrs()
	for _, l := range links {
		a := l.Attrs()
		_, pair := l.(*netlink.Veth) // a veth's parent is its peer
		if a.Index == ingress.MasterIndex || !pair && a.ParentIndex == ingress.Index {
			names = append(names, a.Name)
		}
	}
	return names
}

// forwards6 is what ip6_forward() asks: "all", or this interface by itself
// (force_forwarding, since Linux 6.17).
func forwards6(name string) (bool, error) {
	all, err := sysctlOn("net/ipv6/conf/all/forwarding")
	if err != nil || all {
		return all, err
	}
	return sysctlOn("net/ipv6/conf/" + name + "/force_forwarding")
}

// local finds the VIPs among the addresses, and in the table local, where
// routes make whole prefixes the host's own.
func local(vips []netip.Addr, links []netlink.Link) ([]Local, error) {
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var found []Local
	for _, a := range addrs {
		p := prefix(a.IPNet)
		if slices.Contains(vips, p.Addr()) {
			found = append(found, Local{VIP: p.Addr(), Prefix: p, Interface: names[a.LinkIndex], Own: isOwn(a, addrs)})
		}
	}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, r := range routes {
		kind := routeType(r.Type)
		if kind == "" || r.Dst == nil {
			continue
		}
		p := prefix(r.Dst)
		for _, vip := range vips {
			known := slices.ContainsFunc(found, func(l Local) bool { return l.VIP == vip })
			if p.Contains(vip) && !known {
				found = append(found, Local{VIP: vip, Prefix: p, Interface: names[r.LinkIndex], RouteType: kind})
			}
		}
	}
	return found, nil
}

// isOwn says whether an address is likely to be the one by which the host is on a
// subnet: the first one there or, in IPv6, which lists the latest first, the only one.
func isOwn(a netlink.Addr, all []netlink.Addr) bool {
	p := prefix(a.IPNet)
	if p.IsSingleIP() || p.Addr().IsLoopback() {
		return false
	}
	subnet := slices.DeleteFunc(slices.Clone(all), func(b netlink.Addr) bool {
		return b.LinkIndex != a.LinkIndex || prefix(b.IPNet).Masked() != p.Masked()
	})
	return prefix(subnet[0].IPNet) == p && (p.Addr().Is4() || len(subnet) == 1)
}

// routeType names the types by which the kernel keeps a packet for itself.
func routeType(t int) string {
	switch t {
	case unix.RTN_LOCAL:
		return "local"
	case unix.RTN_BROADCAST:
		return "broadcast"
	case unix.RTN_ANYCAST:
		return "anycast"
	}
	return ""
}

func prefix(n *net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones)
}
