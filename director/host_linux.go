package director

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"

	"lvsdr/arpresponder"
	"lvsdr/guard"
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
	interfaces := make([]Interface, 0, len(links))
	for _, l := range links {
		a := l.Attrs()
		addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return nil, fmt.Errorf("list addresses of %s: %w", a.Name, err)
		}
		interfaces = append(interfaces, Interface{
			Interface: net.Interface{Index: a.Index, MTU: a.MTU, Name: a.Name, HardwareAddr: a.HardwareAddr, Flags: a.Flags},
			Carrier:   a.OperState == netlink.OperUp || a.OperState == netlink.OperUnknown,
			Addrs:     prefixes(addrs),
		})
	}
	return interfaces, nil
}

func prefixes(addrs []netlink.Addr) (out []netip.Prefix) {
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			bits, _ := a.Mask.Size()
			out = append(out, netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	return out
}

// Watch subscribes to rtnetlink's RTNLGRP_LINK.
func (linuxHost) Watch(ctx context.Context, changed func()) error {
	updates := make(chan netlink.LinkUpdate, 16)
	err := netlink.LinkSubscribeWithOptions(updates, ctx.Done(), netlink.LinkSubscribeOptions{
		ErrorCallback: func(error) { changed() }, // messages were lost: look
	})
	if err != nil {
		return fmt.Errorf("watch interfaces: %w", err)
	}
	for range updates {
		changed()
	}
	return ctx.Err()
}

func (linuxHost) OpenResponder(c arpresponder.Config) (Responder, error) { return arpresponder.New(c) }

func (linuxHost) OpenResolver(c neighbor.Config) (Resolver, error) { return neighbor.New(c) }

func (linuxHost) OpenGuard(name string, vips []netip.Addr, on bool) (Guard, error) {
	g := &linuxGuard{vips: vips}
	g.watcher = guard.Watcher{Interface: name, VIPs: g.current}
	if !on {
		if err := guard.Remove(name); err != nil {
			return nil, err
		}
		return g, nil
	}
	table, err := guard.Install(guard.Config{Interface: name, VIPs: vips})
	if err != nil {
		return nil, err
	}
	g.watcher.Guard = table
	return g, nil
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
