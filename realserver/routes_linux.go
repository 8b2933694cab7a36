package realserver

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ProxyNeighbors implements Host.
func (LinuxHost) ProxyNeighbors() ([]ProxyNeighbor, error) {
	var proxies []ProxyNeighbor
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := dumped(func() ([]netlink.Neigh, error) { return netlink.NeighProxyList(0, family) })
		if err != nil {
			return nil, fmt.Errorf("list proxy neighbours: %w", err)
		}
		for _, n := range list {
			addr, ok := netip.AddrFromSlice(n.IP)
			if !ok || n.Flags&netlink.NTF_PROXY == 0 {
				continue
			}
			name, err := linkName(n.LinkIndex)
			if err != nil {
				return nil, err
			}
			proxies = append(proxies, ProxyNeighbor{Address: addr.Unmap(), Interface: name})
		}
	}
	return proxies, nil
}

// linkName returns the interface's name, "" for index 0.
func linkName(index int) (string, error) {
	if index == 0 {
		return "", nil
	}
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return "", fmt.Errorf("interface %d: %w", index, err)
	}
	return l.Attrs().Name, nil
}

// routeTypes are those that the kernel answers lookups with.
var routeTypes = map[int]RouteType{
	unix.RTN_UNICAST: RouteUnicast, unix.RTN_LOCAL: RouteLocal,
	unix.RTN_BLACKHOLE: RouteBlackhole, unix.RTN_UNREACHABLE: RouteUnreachable, unix.RTN_PROHIBIT: RouteProhibit,
}

// FindRoute implements Host.
func (LinuxHost) FindRoute(q RouteQuery) (Route, error) {
	found, err := lookup(q)
	if err != nil {
		return refused(q, err)
	}
	if len(found) == 0 {
		return Route{Type: RouteNone}, nil
	}
	r := Route{Type: routeTypes[found[0].Type], MTU: found[0].MTU}
	if r.Type == "" {
		r.Type = RouteUnreachable // broadcast, multicast: no client's
	}
	if r.Interface, err = linkName(found[0].LinkIndex); err != nil {
		return Route{}, err
	}
	if gw, ok := netip.AddrFromSlice(found[0].Gw); ok {
		r.Gateway = gw.Unmap()
	} else if via, ok := found[0].Via.(*netlink.Via); ok {
		r.Gateway, _ = netip.AddrFromSlice(via.Addr)
	}
	return r, nil
}

func lookup(q RouteQuery) ([]netlink.Route, error) {
	options := &netlink.RouteGetOptions{Iif: q.In}
	if q.From.IsValid() {
		options.SrcAddr = q.From.AsSlice()
	}
	return netlink.RouteGetWithOptions(q.To.AsSlice(), options)
}

// refused explains the error of a lookup. The kernel says EINVAL of a source that
// it does not accept and of a blackhole alike.
func refused(q RouteQuery, err error) (Route, error) {
	switch {
	case !errors.As(err, new(syscall.Errno)):
		return Route{}, fmt.Errorf("route to %v: %w", q.To, err)
	case q.In != "":
		return Route{Type: RouteRefused}, nil
	}
	drops, listErr := droppingRoutes(q.To)
	switch {
	case listErr != nil:
		return Route{}, listErr
	case len(drops) > 0 && !errors.Is(err, syscall.ENETUNREACH):
		return drops[0], nil
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return Route{Type: RouteNone}, nil
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EADDRNOTAVAIL):
		return Route{Type: RouteRefused}, nil
	case errors.Is(err, syscall.EACCES):
		return Route{Type: RouteProhibit}, nil
	}
	return Route{}, fmt.Errorf("route to %v: %w", q.To, err)
}

// droppingRoutes lists those that keep packets from an address, the longest
// prefix first.
func droppingRoutes(to netip.Addr) ([]Route, error) {
	family := netlink.FAMILY_V4
	if to.Is6() {
		family = netlink.FAMILY_V6
	}
	list, err := dumped(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var routes []Route
	for _, r := range list {
		switch kind := routeTypes[r.Type]; kind {
		case RouteBlackhole, RouteUnreachable, RouteProhibit:
			if prefix := prefixOf(r.Dst, to); prefix.Contains(to) {
				routes = append(routes, Route{Type: kind, Prefix: prefix, Table: r.Table})
			}
		}
	}
	slices.SortStableFunc(routes, func(a, b Route) int { return b.Prefix.Bits() - a.Prefix.Bits() })
	return routes, nil
}

// prefixOf turns the destination of a route into a prefix; nil is the default
// route of like's family.
func prefixOf(n *net.IPNet, like netip.Addr) netip.Prefix {
	if n == nil {
		if like.Is6() {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	addr, _ := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones)
}

// SourceRules implements Host.
func (LinuxHost) SourceRules() ([]SourceRule, error) {
	list, err := dumped(func() ([]netlink.Rule, error) { return netlink.RuleList(netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list routing rules: %w", err)
	}
	var rules []SourceRule
	for _, r := range list {
		if r.Src != nil {
			rules = append(rules, SourceRule{Priority: r.Priority, From: prefixOf(r.Src, netip.Addr{}), Table: r.Table})
		}
	}
	return rules, nil
}
