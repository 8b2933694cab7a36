package config

import (
	"net/netip"
	"slices"
)

// index finds what a service or a real server is in the way of.
type index struct {
	names   map[string]*Service
	marks   map[uint32]*Service
	on      map[netip.Addr][]*Service // those that have an address on a VIP
	vips    map[netip.Addr]int        // by how many services, and by vips:
	servers map[netip.Addr]int        // in how many services
}

func newIndex() index {
	return index{
		names: make(map[string]*Service), marks: make(map[uint32]*Service),
		on: make(map[netip.Addr][]*Service), vips: make(map[netip.Addr]int), servers: make(map[netip.Addr]int),
	}
}

// add notes a service with its servers.
func (x *index) add(s *Service) {
	x.names[s.Name] = s
	if s.Mark != 0 {
		x.marks[s.Mark] = s
	}
	for _, a := range s.Addresses {
		x.own(s, a.Addr)
	}
	for _, r := range s.RealServers {
		x.servers[r.Addr]++
	}
	if s.SorryServer.IsValid() {
		x.servers[s.SorryServer]++
	}
}

func (x *index) own(s *Service, vip netip.Addr) {
	if !slices.Contains(x.on[vip], s) {
		x.on[vip] = append(x.on[vip], s)
		x.vips[vip]++
	}
}

// remove forgets a service with its servers.
func (x *index) remove(s *Service) {
	delete(x.names, s.Name)
	delete(x.marks, s.Mark)
	for _, a := range s.Addresses {
		x.leave(s, a.Addr)
	}
	for _, r := range s.RealServers {
		x.servers[r.Addr]--
	}
	if s.SorryServer.IsValid() {
		x.servers[s.SorryServer]--
	}
}

func (x *index) leave(s *Service, vip netip.Addr) {
	if i := slices.Index(x.on[vip], s); i >= 0 {
		x.on[vip] = slices.Delete(x.on[vip], i, i+1)
		x.vips[vip]--
	}
}

func (x *index) isVIP(a netip.Addr) bool { return x.vips[a] > 0 }

func (x *index) isServer(a netip.Addr) bool { return x.servers[a] > 0 }

// exact finds the service that has just this address.
func (x *index) exact(p Protocol, a Address) *Service {
	for _, s := range x.on[a.Addr] {
		if s.Protocol == p && slices.Contains(s.Addresses, a) {
			return s
		}
	}
	return nil
}

// overlap finds a service, and its address, that shares a port with a.
func (x *index) overlap(p Protocol, a Address) (*Service, Address) {
	for _, s := range x.on[a.Addr] {
		if s.Protocol != p {
			continue
		}
		for _, b := range s.Addresses {
			if a.overlaps(b) {
				return s, b
			}
		}
	}
	return nil, Address{}
}

// serverOf finds a service that has a real server, for messages.
func serverOf(services []*Service, addr netip.Addr) string {
	for _, s := range services {
		if s != nil && (s.find(addr) >= 0 || s.SorryServer == addr) {
			return s.Name
		}
	}
	return ""
}

// find returns the number of a real server of s, -1 if s does not have it.
func (s *Service) find(addr netip.Addr) int {
	return slices.IndexFunc(s.RealServers, func(r RealServer) bool { return r.Addr == addr })
}
