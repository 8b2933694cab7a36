package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"lvsdr/frame"
)

// Merge returns what shall run when the file, which said file before, says next
// now, and an [Editor] has made running of file meanwhile: what differs between
// file and next is as in next, else it is as in running. That is decided for
// each service, by its name; within it for each real server, by its address,
// and for all of its other keys together; for each timeout, and for each VIP.
// Real servers are in the order of next, then in that of their adding.
//
// What next makes impossible for running is dropped: dropped names it, a string
// for each, such as `service "tcp-192.0.2.10-80"`. The result is valid if all
// three are. All else is as in next; the operator cannot change it.
func Merge(file, running, next *Config) (merged *Config, dropped []string) {
	m := merger{
		file: byName(file), running: byName(running), next: byName(next),
		pinned: next.pinned(), index: newIndex(), said: vipsOf(file), says: vipsOf(next),
	}
	c := *next
	c.Timeouts = mergeTimeouts(file.Timeouts, running.Timeouts, next.Timeouts)
	m.theirs(next)
	c.VIPs = m.vips(file, running, next)
	m.addServers()
	m.addServices(running, next)
	c.Services = make([]Service, len(m.services))
	for i, s := range m.services {
		c.Services[i] = *s
	}
	c.settle()
	return &c, m.dropped
}

// merger is one run of Merge.
type merger struct {
	file, running, next map[string]*Service
	pinned              map[netip.Addr]frame.MAC // by next
	said, says          map[netip.Addr]bool      // the VIPs of file and of next
	services            []*Service               // of the result
	added               []added
	index               index // of services
	dropped             []string
}

// added is a real server that an operator added to a service of next.
type added struct {
	to     *Service
	server RealServer
}

func byName(c *Config) map[string]*Service {
	services := make(map[string]*Service, len(c.Services))
	for i := range c.Services {
		services[c.Services[i].Name] = &c.Services[i]
	}
	return services
}

func (m *merger) drop(format string, args ...any) {
	m.dropped = append(m.dropped, fmt.Sprintf(format, args...))
}

// pick is the rule of Merge for one value.
func pick[T comparable](file, running, next T) T {
	if file == next {
		return running
	}
	return next
}

func mergeTimeouts(file, running, next Timeouts) Timeouts {
	return Timeouts{
		TCP:    pick(file.TCP, running.TCP, next.TCP),
		TCPFin: pick(file.TCPFin, running.TCPFin, next.TCPFin),
		UDP:    pick(file.UDP, running.UDP, next.UDP),
	}
}

// theirs takes the services of next, and notes the real servers that were added
// to them.
func (m *merger) theirs(next *Config) {
	for i := range next.Services {
		n := &next.Services[i]
		f, r := m.file[n.Name], m.running[n.Name]
		if f != nil && r == nil && f.sameText(n) {
			continue // an operator deleted it
		}
		s := *n
		switch {
		case r == nil:
		case f == nil && !r.within(n):
			m.drop("addresses of service %q", r.Name)
		case f != nil && f.sameKeys(n) && r.within(n):
			s = *r
			s.Line = n.Line
		}
		s.RealServers = nil
		for _, server := range n.RealServers {
			if server, ok := s.merged(f, r, server); ok {
				s.RealServers = append(s.RealServers, server)
			}
		}
		m.services = append(m.services, &s)
		m.index.add(&s)
		if r != nil {
			m.noteAdded(f, r, n, &s)
		}
	}
}

// merged is a real server of next in s, as an operator left it in r, the service
// that runs; ok is false if it was deleted there.
func (s *Service) merged(f, r *Service, next RealServer) (server RealServer, ok bool) {
	before := f.server(next.Addr)
	if r == nil || before == nil || !before.Equal(next) {
		return next, true
	}
	now := r.server(next.Addr)
	if now == nil {
		return next, false
	}
	if s.hasPort(now.Port) {
		next.Port = now.Port
	}
	next.Weight, next.Upper, next.Lower, next.MarkPort = now.Weight, now.Upper, now.Lower, now.MarkPort
	return next, true
}

// noteAdded notes the real servers of r that neither f nor n has.
func (m *merger) noteAdded(f, r, n, to *Service) {
	for _, server := range r.RealServers {
		if f.server(server.Addr) == nil && n.server(server.Addr) == nil {
			m.added = append(m.added, added{to, server})
		}
	}
}

// server returns a real server of s; nil if s is nil or does not have it.
func (s *Service) server(addr netip.Addr) *RealServer {
	if s == nil {
		return nil
	}
	if i := s.find(addr); i >= 0 {
		return &s.RealServers[i]
	}
	return nil
}

// text is what the file says of a service: its timeouts are its own.
func (s *Service) text() Service {
	m := s.meaning()
	m.Timeouts = s.own
	return m
}

// sameText reports whether the file says the same of both.
func (s *Service) sameText(o *Service) bool { return reflect.DeepEqual(s.text(), o.text()) }

// sameKeys is sameText without the real servers.
func (s *Service) sameKeys(o *Service) bool {
	a, b := s.text(), o.text()
	a.RealServers, b.RealServers = nil, nil
	return reflect.DeepEqual(a, b)
}

// within reports whether s has no address that o does not have.
func (s *Service) within(o *Service) bool {
	for _, a := range s.Addresses {
		if !slices.Contains(o.Addresses, a) {
			return false
		}
	}
	return s.Protocol == o.Protocol && s.Mark == o.Mark
}

// vips are those of next, and those that an operator's changes left without a
// service, unless next has taken them out of the file, or made real servers of
// them.
func (m *merger) vips(file, running, next *Config) []netip.Addr {
	vips := slices.Clone(next.VIPs)
	has := make(map[netip.Addr]bool)
	for _, a := range vips {
		has[a] = true
	}
	listed := make(map[netip.Addr]bool)
	for _, a := range file.VIPs {
		listed[a] = true
	}
	for _, a := range running.VIPs {
		orphan := len(m.index.on[a]) == 0
		switch {
		case has[a] || m.said[a] && !m.says[a] || listed[a] && !orphan:
		case m.index.isServer(a):
			m.drop("VIP %s", a)
		default:
			vips = append(vips, a)
		}
	}
	for _, a := range vips {
		m.index.vips[a]++
	}
	return vips
}

// addServers adds the noted real servers to services of next.
func (m *merger) addServers() {
	for _, a := range m.added {
		if m.fits(a.to, &a.server) {
			a.to.RealServers = append(a.to.RealServers, a.server)
			m.index.servers[a.server.Addr]++
		}
	}
}

// fits makes a real server that an operator added fit next, or drops it.
func (m *merger) fits(s *Service, r *RealServer) bool {
	if !s.hasPort(r.Port) {
		r.Port = s.firstPort()
	}
	r.MAC = m.pinned[r.Addr]
	if m.index.isVIP(r.Addr) || r.Addr == s.SorryServer || r.Addr.BitLen() != s.Addresses[0].Addr.BitLen() || (r.Port == 0 && s.probesRealPort()) {
		m.drop("real server %s of service %q", r.Addr, s.Name)
		return false
	}
	return true
}

// addServices adds the services that an operator added, unless they are in the
// way of what is there.
func (m *merger) addServices(running, next *Config) {
	for i := range running.Services {
		s := running.Services[i]
		if m.file[s.Name] != nil || m.next[s.Name] != nil {
			continue
		}
		if !m.free(&s) {
			m.drop("service %q", s.Name)
			continue
		}
		servers := s.RealServers
		s.RealServers, s.Reject = nil, next.defaultReject(s.Protocol)
		m.index.add(&s)
		for _, r := range servers {
			if m.fits(&s, &r) {
				s.RealServers = append(s.RealServers, r)
				m.index.servers[r.Addr]++
			}
		}
		m.services = append(m.services, &s)
	}
}

// free reports whether nothing is in the way of a service.
func (m *merger) free(s *Service) bool {
	if s.Mark != 0 && m.index.marks[s.Mark] != nil {
		return false
	}
	for _, a := range s.Addresses {
		if other, _ := m.index.overlap(s.Protocol, a); other != nil || m.index.isServer(a.Addr) {
			return false
		}
	}
	return true
}
