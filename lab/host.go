package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Host is a machine on the LAN: a network namespace, with a /run and a /sys of
// its own for the programs in it. Files elsewhere are shared by all hosts.
type Host struct {
	lab  *Lab
	name string
	ns   *namespace
}

// Host adds a host with nothing but lo, which is up.
func (l *Lab) Host(name string) *Host {
	return &Host{lab: l, name: name, ns: l.newSpace(hostNamespace, "make host "+name)}
}

// Name is what the host was called when it was made.
func (h *Host) Name() string { return h.name }

func (h *Host) space() *namespace { return h.ns }

// Do runs fn in the host's namespaces and returns its error. Sockets that fn
// opens stay in the host's network wherever they are used later. Goroutines
// that fn starts do not run in the host: only fn itself does, on a thread of
// its own. Closures on one host run beside each other, however long they take.
// A panic in fn, or t.Fatal, goes on in the caller. fn must leave the thread's
// namespaces as they are.
func (h *Host) Do(fn func() error) error { return h.ns.do(fn) }

// Interface returns the interface of that name, which may not exist yet, or no
// more. "lo" is one as well.
func (h *Host) Interface(name string) *Interface {
	return &Interface{node: h, lab: h.lab, name: name}
}

// Route is one entry of a host's main routing table.
type Route struct {
	Dst   netip.Prefix // netip.Prefix{} is the IPv4 default route
	Via   netip.Addr   // the gateway; optional if Dev is given
	Dev   string       // the interface; optional if Via is given
	Src   netip.Addr   // preferred source address; optional
	Table int          // 0: main
	MTU   int          // 0: the interface's
}

// AddRoute adds or replaces a route.
func (h *Host) AddRoute(r Route) {
	h.route("add route", r, (*netlink.Handle).RouteReplace)
}

// DeleteRoute removes a route.
func (h *Host) DeleteRoute(r Route) {
	h.route("delete route", r, (*netlink.Handle).RouteDel)
}

func (h *Host) route(op string, r Route, apply func(*netlink.Handle, *netlink.Route) error) {
	if !r.Dst.IsValid() {
		r.Dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	err := h.ns.rtnetlink(func(nl *netlink.Handle) error {
		route := &netlink.Route{Dst: ipNet(r.Dst), Gw: r.Via.AsSlice(), Src: r.Src.AsSlice(), Table: r.Table, MTU: r.MTU}
		if r.Dev != "" {
			link, err := nl.LinkByName(r.Dev)
			if err != nil {
				return fmt.Errorf("find %s: %w", r.Dev, err)
			}
			route.LinkIndex = link.Attrs().Index
			if !r.Via.IsValid() {
				route.Scope = netlink.SCOPE_LINK
			}
		}
		return apply(nl, route)
	})
	h.lab.fail(fmt.Sprintf("%s: %s %v via %v dev %s", h.name, op, r.Dst, r.Via, r.Dev), err)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
