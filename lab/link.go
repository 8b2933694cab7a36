package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// LinkConfig describes one end of a link. The zero value will do.
type LinkConfig struct {
	Name  string           // default: the first free of eth0, eth1, … or port1, port2, …
	MAC   net.HardwareAddr // default: one that is unique in the lab
	Addrs []netip.Prefix   // addresses of a host's end
	MTU   int              // default: 1500
	// IPv6 turns IPv6 on even if no address is an IPv6 one: the host then has
	// a link-local address. An IPv6 address in Addrs turns it on as well.
	IPv6 bool
	// Queues is the number of transmit and of receive queues; default: the
	// kernel's choice.
	Queues int
}

// Link is a cable between two nodes. It embeds the end at the first of them, so
// link.MAC, link.Capture or link.Down mean that end.
type Link struct {
	*Interface
	// Peer is the other end. Peer.Down takes the carrier away from this end.
	Peer *Interface
}

// Connect lays a link from a to b, sets it up and gives it its addresses. The
// first configuration is for the end at a, the second for the end at b; either
// may be left out.
func (l *Lab) Connect(a, b Node, cfg ...LinkConfig) *Link {
	near, far := LinkConfig{}, LinkConfig{}
	if len(cfg) > 0 {
		near = cfg[0]
	}
	if len(cfg) > 1 {
		far = cfg[1]
	}
	if far.MTU == 0 {
		far.MTU = near.MTU
	}
	link := &Link{Interface: l.newEnd(a, near), Peer: l.newEnd(b, far)}
	link.far, link.Peer.far = link.Peer, link.Interface
	if a.space().gone != nil || b.space().gone != nil {
		return link // reported when the node was made, or closed
	}
	l.fail(fmt.Sprintf("connect %s to %s", a.Name(), b.Name()), link.lay())
	return link
}

func (l *Lab) newEnd(n Node, cfg LinkConfig) *Interface {
	if cfg.MAC == nil {
		cfg.MAC = l.nextMAC()
	}
	i := n.newEnd(&cfg)
	i.cfg = cfg
	return i
}

// lay makes the pair of interfaces as configured.
func (l *Link) lay() error {
	near, far := l.Interface, l.Peer
	err := near.node.space().rtnetlink(func(nl *netlink.Handle) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.HardwareAddr, attrs.MTU = near.name, near.cfg.MAC, near.cfg.MTU
		attrs.NumTxQueues, attrs.NumRxQueues = near.cfg.Queues, near.cfg.Queues
		return nl.LinkAdd(&netlink.Veth{
			LinkAttrs: attrs, PeerName: far.name, PeerHardwareAddr: far.cfg.MAC,
			PeerMTU: uint32(far.cfg.MTU), PeerNamespace: netlink.NsFd(far.node.space().net),
		})
	})
	if err != nil {
		return fmt.Errorf("add %s: %w", near.name, err)
	}
	for _, end := range []*Interface{near, far} {
		if err := end.node.attach(end); err != nil {
			return fmt.Errorf("attach %s: %w", end, err)
		}
		if err := end.setUp(); err != nil {
			return fmt.Errorf("set %s up: %w", end, err)
		}
	}
	return near.settle()
}

// Recreate deletes the link, if it is still there, and lays it again under the
// same names, with the addresses that Connect gave it. The first end gets a new
// MAC address, or the same one as at first if mac is nil. Routes, neighbours,
// extra addresses, offload settings, drops and duplicates are gone, and the
// interface's index is a new one, as when a driver is reloaded.
func (l *Link) Recreate(mac net.HardwareAddr) {
	if err := l.remove(); err != nil {
		l.lab.fail(l.String()+": delete", err)
		return
	}
	if mac != nil {
		l.Interface.cfg.MAC = mac
	}
	l.lab.fail(l.String()+": recreate", l.lay())
}
