package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// minMTU is the least at which Linux runs IPv4 on an interface (RFC 791).
const minMTU = 68

// Host is what CheckHost must know of the machine that will run a Config.
type Host struct {
	Interfaces map[string]Interface // by name
}

// Interface is one network interface of a Host.
type Interface struct {
	MTU      int            // bytes; 0: not known
	Loopback bool           // it is lo
	Addrs    []netip.Prefix // the host's address in it, with the length of the network's prefix
}

// CheckHost returns what keeps c from running on h, as [Errors], or nil: an
// interface that does not exist, a VIP or a real server that is an address of
// h or the broadcast address of one of its networks.
func (c *Config) CheckHost(h Host) error {
	k := hostCheck{c: c, h: h, owners: h.owners(), broadcasts: h.broadcasts()}
	k.iface("ingress", c.Ingress)
	if c.Egress != c.Ingress {
		k.iface("egress", c.Egress)
	}
	for _, vip := range c.VIPs {
		k.address(vip, removeVIP, subject{key: "vips", addr: vip})
	}
	for i := range c.Services {
		s := &c.Services[i]
		for _, a := range s.Addresses {
			k.address(a.Addr, removeVIP, subject{"address", s.Name, a.Addr})
		}
		for _, r := range s.RealServers {
			k.address(r.Addr, notOwnServer, subject{"real_servers", s.Name, r.Addr})
		}
		if s.SorryServer.IsValid() {
			k.address(s.SorryServer, notOwnServer, subject{"sorry_server", s.Name, s.SorryServer})
		}
	}
	return k.errs.orNil()
}

// subject is what a mistake is about, wherever it stands: the value of a key of
// the director, or an address behind a key of a service. A service's number in
// the file says nothing of its place in a Config that [Merge] made.
type subject struct {
	key     string
	service string // name; "" for a key of the director
	addr    netip.Addr
}

// String names what is in no file.
func (s subject) String() string {
	if s.service == "" {
		return s.key
	}
	return "service " + s.service + ": " + s.key
}

// spot is where something stands in the file.
type spot struct {
	key string
	at  place
}

// hostPlaces are the places that CheckHost names. A VIP that stands in a service
// more than once, on several ports, is named where it stands first.
func (d *decoder) hostPlaces(c *Config) map[subject]spot {
	places := make(map[subject]spot)
	add := func(s subject, v value) {
		if _, ok := places[s]; !ok {
			places[s] = spot{v.key, v.at}
		}
	}
	for _, key := range []string{"ingress", "egress"} {
		if at, ok := d.where[key]; ok {
			places[subject{key: key}] = spot{key, at}
		}
	}
	for _, v := range d.owned {
		add(subject{key: "vips", addr: v.Addr}, v.value)
	}
	for _, v := range d.vips {
		add(subject{"address", c.Services[v.service].Name, v.Addr}, v.value)
	}
	for _, r := range d.rips {
		add(subject{"real_servers", c.Services[r.service].Name, r.addr}, r.value)
	}
	for _, r := range d.sorry {
		add(subject{"sorry_server", c.Services[r.service].Name, r.addr}, r.value)
	}
	return places
}

// owner says which interface has an address.
type owner struct {
	name   string
	prefix netip.Prefix
}

// owners maps each address of h to its interface.
func (h Host) owners() map[netip.Addr]owner {
	owners := make(map[netip.Addr]owner)
	for _, name := range slices.Sorted(maps.Keys(h.Interfaces)) {
		for _, p := range h.Interfaces[name].Addrs {
			owners[p.Addr().Unmap()] = owner{name, p}
		}
	}
	return owners
}

// hostCheck is one run of CheckHost.
type hostCheck struct {
	c          *Config
	h          Host
	owners     map[netip.Addr]owner
	broadcasts map[netip.Addr]netip.Prefix
	errs       Errors
}

// add records a mistake, once: at its place if the file has it.
func (k *hostCheck) add(message, remedy string, s subject) {
	e := Error{Key: s.String(), Message: message, Remedy: remedy}
	if at, ok := k.c.places[s]; ok {
		e = Error{File: k.c.file, Line: at.at.line, Column: at.at.column, Key: at.key, Message: message, Remedy: remedy}
	}
	if !slices.Contains(k.errs, e) {
		k.errs = append(k.errs, e)
	}
}

// iface checks one of the two interfaces.
func (k *hostCheck) iface(key, name string) {
	i, ok := k.h.Interfaces[name]
	switch {
	case !ok:
		names := slices.Sorted(maps.Keys(k.h.Interfaces))
		remedy := "this host has no interfaces"
		if len(names) > 0 {
			remedy = "this host has " + list(names, "and")
		}
		k.add("there is no interface "+quote(name), remedy, subject{key: key})
	case i.Loopback:
		k.add(quote(name)+" is the loopback interface", "name the one that is on the LAN", subject{key: key})
	case i.MTU > 0 && i.MTU < minMTU:
		k.add(fmt.Sprintf("%q has an MTU of %d, too small for IPv4", name, i.MTU), "give it one of at least 68", subject{key: key})
	}
}

// address checks that addr is not one of the host's, nor the broadcast address
// of a network of its. remedy says what to do about the former.
func (k *hostCheck) address(addr netip.Addr, remedy func(owner) string, s subject) {
	if o, own := k.owners[addr]; own {
		k.add(fmt.Sprintf("%s is an address of this host, on %s", addr, o.name), remedy(o), s)
		return
	}
	if prefix, ok := k.broadcasts[addr]; ok {
		k.add(fmt.Sprintf("%s is the broadcast address of %s", addr, prefix), "write a unicast address of the LAN", s)
	}
}

func removeVIP(o owner) string {
	return fmt.Sprintf("the director answers for a VIP, its kernel must not: write another VIP or, if the host does not need the address: ip address del %s dev %s", o.prefix, o.name)
}

func notOwnServer(owner) string { return "a director cannot be its own real server" }

// broadcasts maps each directed broadcast address of h to its network.
func (h Host) broadcasts() map[netip.Addr]netip.Prefix {
	networks := make(map[netip.Addr]netip.Prefix)
	for _, i := range h.Interfaces {
		for _, p := range i.Addrs {
			if p.Addr().Is4() && p.Bits() < 31 { // RFC 3021: /31 has none
				networks[lastOf(p)] = p.Masked()
			}
		}
	}
	return networks
}

// lastOf returns the highest address of an IPv4 prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}
