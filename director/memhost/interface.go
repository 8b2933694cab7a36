package memhost

import (
	"bytes"
	"net"
	"net/netip"
	"slices"

	"lvsdr/arp"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/director"
	"lvsdr/frame"
)

// Interface is one of a host's network interfaces, with the segment behind it.
type Interface struct {
	host *Host
	name string
	wire *memlink.Wire

	// Guarded by the host's lock.
	index      int
	mac        frame.MAC
	mtu        int
	exists, up bool
	carrier    bool
	addrs      []netip.Prefix
	neighbors  map[netip.Addr]frame.MAC
	askers     map[netip.Addr]netip.Addr // who asked for it last
	routes     map[netip.Addr]int        // MTU
	sockets    map[*socket]bool
}

// AddInterface makes an interface that is up, with an MTU of 1500.
func (h *Host) AddInterface(name string, mac frame.MAC, addrs ...netip.Prefix) *Interface {
	i := &Interface{
		host: h, name: name, wire: memlink.New(memlink.Config{}), mtu: 1500, addrs: addrs,
		neighbors: make(map[netip.Addr]frame.MAC), askers: make(map[netip.Addr]netip.Addr), sockets: make(map[*socket]bool),
		routes: make(map[netip.Addr]int),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.interfaces = append(h.interfaces, i)
	i.create(mac)
	return i
}

// Wire returns the interface's cable: inject there what arrives, and take what
// was sent. It stays the same when the interface is made again.
func (i *Interface) Wire() *memlink.Wire { return i.wire }

// SetUp sets the interface up or down.
func (i *Interface) SetUp(up bool) {
	i.change(func() {
		i.up = up
		i.wire.SetUp(up)
	})
}

// SetCarrier says whether there is somebody at the far end of the cable. What
// is sent without a carrier is lost unnoticed, except by ARP.
func (i *Interface) SetCarrier(on bool) { i.change(func() { i.carrier = on }) }

// SetMTU changes the largest IP packet.
func (i *Interface) SetMTU(mtu int) { i.change(func() { i.mtu = mtu }) }

// SetRoute gives the host a route to addr by the interface, with an MTU; 0: one that
// names none. Nobody is told.
func (i *Interface) SetRoute(addr netip.Addr, mtu int) {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	i.routes[addr] = mtu
}

// SetAddrs replaces the interface's addresses.
func (i *Interface) SetAddrs(addrs ...netip.Prefix) {
	i.change(func() { i.addrs = slices.Clone(addrs) })
}

// Delete deletes the interface: what is open on it never works again.
func (i *Interface) Delete() {
	i.change(func() {
		i.exists, i.up = false, false
		i.wire.Delete()
	})
}

// Create makes a deleted interface again, up, with a new index.
func (i *Interface) Create(mac frame.MAC) {
	i.change(func() {
		i.wire.Create()
		i.create(mac)
	})
}

func (i *Interface) create(mac frame.MAC) {
	i.host.lastIndex++
	i.index, i.mac, i.exists, i.up, i.carrier = i.host.lastIndex, mac, true, true, true
}

func (i *Interface) change(fn func()) {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	fn()
	for s := range i.sockets {
		s.linkChanged()
	}
	i.host.changed()
}

// AddNeighbor makes a host of the segment answer ARP for addr, in place of one
// that did.
func (i *Interface) AddNeighbor(addr netip.Addr, mac frame.MAC) {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	i.neighbors[addr] = mac
}

// RemoveNeighbor makes nobody answer for addr.
func (i *Interface) RemoveNeighbor(addr netip.Addr) {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	delete(i.neighbors, addr)
}

// Asker returns the address in whose name addr was last asked for on the
// segment; invalid: nobody has.
func (i *Interface) Asker(addr netip.Addr) netip.Addr {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	return i.askers[addr]
}

// Announce makes a host of the segment say, unasked, that addr is its own.
func (i *Interface) Announce(addr netip.Addr, mac frame.MAC) { i.Say(arp.Request, addr, mac, addr) }

// Say makes a host of the segment say to all that it has an address, in a packet that is
// about another one.
func (i *Interface) Say(o arp.Operation, addr netip.Addr, mac frame.MAC, target netip.Addr) {
	i.host.mu.Lock()
	defer i.host.mu.Unlock()
	i.deliver(arp.Packet{
		Destination: frame.Broadcast, Source: mac, Operation: o,
		SenderMAC: mac, SenderIP: addr, TargetIP: target,
	})
}

func (i *Interface) describe() director.Interface {
	flags := net.FlagBroadcast
	if i.up {
		flags |= net.FlagUp
	}
	return director.Interface{
		Interface: net.Interface{Index: i.index, MTU: i.mtu, Name: i.name, HardwareAddr: bytes.Clone(i.mac[:]), Flags: flags},
		Carrier:   i.up && i.carrier,
		Addrs:     i.addrs,
	}
}
