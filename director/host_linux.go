package director

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"lvsdr/arpresponder"
	"lvsdr/guard"
	"lvsdr/healthcheck"
	"lvsdr/healthcheck/via"
	"lvsdr/neighbor"
)

// NewLinuxHost returns the machine of this process, in the network namespace
// in which the process was started. Frames move as links says.
func NewLinuxHost(links Links) Host { return linuxHost{links} }

type linuxHost struct{ Links }

func (linuxHost) Interfaces() ([]Interface, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	all, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	addrs := make(map[int][]netip.Prefix) // by interface
	for _, a := range all {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			bits, _ := a.Mask.Size()
			addrs[a.LinkIndex] = append(addrs[a.LinkIndex], netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	interfaces := make([]Interface, 0, len(links))
	for _, l := range links {
		a := l.Attrs()
		interfaces = append(interfaces, Interface{
			Interface: net.Interface{Index: a.Index, MTU: a.MTU, Name: a.Name, HardwareAddr: a.HardwareAddr, Flags: a.Flags},
			Carrier:   a.OperState == netlink.OperUp || a.OperState == netlink.OperUnknown,
			Addrs:     addrs[a.Index],
		})
	}
	return interfaces, nil
}

// resubscribe is the pause before Watch subscribes again.
const resubscribe = 100 * time.Millisecond

// Watch subscribes to rtnetlink's RTNLGRP_LINK and RTNLGRP_IPV4_IFADDR. A
// subscription ends when messages were lost (ENOBUFS), as when hundreds of
// interfaces come at once; the next one begins with a look.
func (linuxHost) Watch(ctx context.Context, changed func()) error {
	for {
		if err := watchOnce(ctx, changed); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resubscribe):
		}
	}
}

// watchOnce calls changed until one of its subscriptions ends. It returns when
// both have, and an error if they could not be made.
func watchOnce(ctx context.Context, changed func()) error {
	// The context of these subscriptions: netlink waits for its end before it
	// closes the socket, also when the subscription ended by itself.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	onError := func(error) {
		if ctx.Err() == nil { // a closed socket is no change
			changed()
		}
	}
	links := make(chan netlink.LinkUpdate, 16)
	err := netlink.LinkSubscribeWithOptions(links, ctx.Done(), netlink.LinkSubscribeOptions{ErrorCallback: onError})
	if err != nil {
		return fmt.Errorf("watch interfaces: %w", err)
	}
	defer drain(links, cancel)
	addrs := make(chan netlink.AddrUpdate, 16)
	err = netlink.AddrSubscribeWithOptions(addrs, ctx.Done(), netlink.AddrSubscribeOptions{ErrorCallback: onError})
	if err != nil {
		return fmt.Errorf("watch addresses: %w", err)
	}
	defer drain(addrs, cancel)
	changed() // before the subscriptions, something may have
	for open := true; open; changed() {
		select {
		case _, open = <-links:
		case _, open = <-addrs:
		}
	}
	return nil
}

// drain ends a subscription, which may wait for somebody to take its news.
func drain[T any](updates <-chan T, cancel func()) {
	cancel()
	for range updates {
	}
}

// RouteMTU asks as `ip route get ADDR oif DEV` does.
func (linuxHost) RouteMTU(index int, addr netip.Addr) int {
	routes, err := netlink.RouteGetWithOptions(addr.AsSlice(), &netlink.RouteGetOptions{OifIndex: index})
	if err != nil || len(routes) == 0 {
		return 0
	}
	return routes[0].MTU
}

// OpenResponder and OpenResolver return a nil interface with an error, never
// one that holds a nil pointer.

func (linuxHost) OpenResponder(c arpresponder.Config) (Responder, error) {
	r, err := arpresponder.New(c)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (linuxHost) OpenResolver(c neighbor.Config) (Resolver, error) {
	r, err := neighbor.New(c)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (linuxHost) OpenGuard(c guard.Config, on bool) (Guard, error) {
	g := &linuxGuard{vips: c.VIPs}
	g.watcher = guard.Watcher{Interface: c.Interface, Egress: c.Egress, VIPs: g.current}
	if !on {
		if err := guard.Remove(c.Interface); err != nil {
			return nil, err
		}
		return g, nil
	}
	table, err := guard.Install(c)
	if err != nil {
		return nil, err
	}
	g.watcher.Guard = table
	return g, nil
}

func (linuxHost) OpenWays(c via.Config) (Ways, error) {
	w, err := via.Open(c)
	if err != nil {
		return nil, err
	}
	return linuxWays{w}, nil
}

type linuxWays struct{ *via.Ways }

func (w linuxWays) Way(spec healthcheck.Spec, target healthcheck.Target) healthcheck.Way {
	if !spec.ByVIP() {
		return healthcheck.Way{}
	}
	return w.Ways.Way(target.Addr)
}

// linuxGuard is a guard.Watcher with its VIPs, and with its Guard unless
// `guard: off`.
type linuxGuard struct {
	watcher guard.Watcher
	mu      sync.Mutex
	vips    []netip.Addr
}

func (g *linuxGuard) current() []netip.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.vips
}

func (g *linuxGuard) Look() []guard.Finding { return g.watcher.Look() }

func (g *linuxGuard) Update(vips []netip.Addr) error {
	g.mu.Lock()
	g.vips = vips
	g.mu.Unlock()
	if g.watcher.Guard == nil {
		return nil
	}
	return g.watcher.Guard.Update(vips)
}

func (g *linuxGuard) Remove() error {
	if g.watcher.Guard == nil {
		return nil
	}
	return g.watcher.Guard.Remove()
}
