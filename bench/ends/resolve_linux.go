package ends

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// How long a neighbour may take to answer: the kernel asks three times, once a
// second.
const (
	resolvePatience = 4 * time.Second
	resolveLook     = 20 * time.Millisecond
)

var errNobody = errors.New("nobody answers: is the director up, and the VIP its own?")

// resolve finds out where the host sends what is for an address: to its own
// Ethernet address, or to that of a gateway, which is returned too. The kernel asks
// by ARP or neighbour discovery, as for any packet.
func (d *device) resolve(ctx context.Context, to netip.Addr) (mac [6]byte, gateway netip.Addr, err error) {
	gateway, err = d.route(to)
	if err != nil {
		return mac, gateway, fmt.Errorf("route to %v out of %s: %w; or give its Ethernet address by --mac", to, d.name, err)
	}
	next := to
	if gateway.IsValid() {
		next = gateway
	}
	mac, err = d.neighbor(ctx, next)
	if err != nil {
		return mac, gateway, fmt.Errorf("resolve %v on %s: %w; or give its Ethernet address by --mac", next, d.name, err)
	}
	return mac, gateway, nil
}

// route returns the gateway to an address; the zero value if it is on the link.
func (d *device) route(to netip.Addr) (gateway netip.Addr, err error) {
	// The entry itself: for an interface without one the kernel takes any address to
	// be on the link.
	options := &netlink.RouteGetOptions{OifIndex: d.index, FIBMatch: true}
	routes, err := d.netlink.RouteGetWithOptions(to.AsSlice(), options)
	if err != nil {
		return gateway, err
	}
	for _, r := range routes {
		if r.Type == unix.RTN_LOCAL {
			return gateway, errors.New("it is this host's own address: send from another machine")
		}
		if r.Type == unix.RTN_BROADCAST {
			return gateway, errors.New("it is a network's broadcast address: want that of one host")
		}
		hops := append(r.MultiPath, &netlink.NexthopInfo{LinkIndex: r.LinkIndex, Gw: r.Gw})
		for _, hop := range hops {
			if hop.LinkIndex == d.index {
				gateway, _ = netip.AddrFromSlice(hop.Gw) // none is not valid
				return gateway.Unmap(), nil
			}
		}
	}
	return gateway, errors.New("there is none")
}

// neighbor looks an address up, and has the kernel resolve one that is not known.
func (d *device) neighbor(ctx context.Context, next netip.Addr) (mac [6]byte, err error) {
	mac, known, err := d.known(next)
	if known || err != nil {
		return mac, err
	}
	// As if a packet were to be sent (NTF_USE of linux/neighbour.h). That takes the
	// permanence from an entry which is there.
	use := &netlink.Neigh{LinkIndex: d.index, Family: family(next), Flags: netlink.NTF_USE, IP: next.AsSlice()}
	if err := d.netlink.NeighAppend(use); err != nil {
		return mac, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, resolvePatience, errNobody)
	defer cancel()
	every := time.NewTicker(resolveLook)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return mac, context.Cause(ctx)
		case <-every.C:
		}
		if mac, known, err = d.known(next); known || err != nil {
			return mac, err
		}
	}
}

// known looks an address up in the kernel's table.
func (d *device) known(next netip.Addr) (mac [6]byte, ok bool, err error) {
	list, err := d.netlink.NeighList(d.index, family(next))
	if err != nil {
		return mac, false, err
	}
	for _, n := range list {
		unusable := n.State&(netlink.NUD_FAILED|netlink.NUD_INCOMPLETE) != 0 || n.State == netlink.NUD_NONE
		if n.IP.Equal(net.IP(next.AsSlice())) && len(n.HardwareAddr) == 6 && !unusable {
			return [6]byte(n.HardwareAddr), true, nil
		}
	}
	return mac, false, nil
}

func family(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}
