package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is where facts come from. Read leaves Guarded and VIPs to the caller.
type Host interface {
	Read(name string, vips []netip.Addr) (Facts, error)
}

// LinuxHost is the running kernel: rtnetlink(7) and /proc/sys, in the network
// namespace of the calling thread.
type LinuxHost struct{}

// Read implements Host.
func (LinuxHost) Read(name string, vips []netip.Addr) (Facts, error) {
	f := Facts{Interface: name, VIPs: vips}
	links, err := netlink.LinkList()
	if err != nil {
		return f, fmt.Errorf("list interfaces: %w", err)
	}
	for _, takes := range takers(name, links) {
		on, err := sysctlOn("net/ipv4/conf/" + takes + "/forwarding")
		if err != nil {
			return f, err
		}
		if on {
			f.Forwarding4 = append(f.Forwarding4, takes)
		}
		if on, err = sysctlOn("net/ipv4/conf/" + takes + "/proxy_arp"); err != nil {
			return f, err
		}
		if on {
			f.ProxyARP = append(f.ProxyARP, takes)
		}
	}
	if on, err := sysctlOn("net/ipv4/conf/all/proxy_arp"); err != nil {
		return f, err
	} else if on {
		f.ProxyARP = append(f.ProxyARP, "all")
	}
	if f.Forwarding6, err = forwards6(name); err != nil {
		return f, err
	}
	f.Local, err = local(vips, links)
	return f, err
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

// sysctlOn says whether a switch is there and not 0.
func sysctlOn(key string) (bool, error) {
	b, err := os.ReadFile("/proc/sys/" + key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("sysctl: %w", err)
	}
	return strings.TrimSpace(string(b)) != "0", nil
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
			found = append(found, Local{VIP: p.Addr(), Prefix: p, Interface: names[a.LinkIndex]})
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
