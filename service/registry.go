package service

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"lvsdr/frame"
	"lvsdr/scheduler"
)

// MaxVIPs is how many different VIPs one process may have in its life.
const MaxVIPs = 1 << 16

// retired is how long the number of a removed server stays unused after it was
// seen without a connection: longer than any worker holds on to an old table.
const retired = 10 * time.Second

// Registry makes tables and keeps what they share. It belongs to one
// goroutine. The zero value is ready.
type Registry struct {
	vips      map[frame.Addr]uint16
	servers   []*RealServer // by ID; nil: free
	free      int           // no lower ID is
	byKey     map[serverKey]*RealServer
	removed   map[uint32]time.Time // IDs, and since when they are seen without a connection; zero: they have some
	balancers map[string]*balancer // by service name
	numbers   map[string]uint32    // of persistent services, by name
}

type serverKey struct {
	service  string
	addr     frame.Addr
	port     uint16
	markPort uint16
	sorry    bool
}

// keyOf is what makes a server of a service the same as before. As in IPVS,
// one that was taken out from behind a mark and comes back with another port is
// another; one whose service is given a mark is not.
func keyOf(d *Definition, s *ServerDefinition) serverKey {
	key := serverKey{service: d.Name, addr: s.Addr, port: s.Port}
	if d.Mark != 0 {
		key.markPort = s.HashPort
	}
	return key
}

// Build makes the table of the definitions, and of VIPs that are owned also
// while no service is on them. Servers and schedulers that stay
// keep their numbers, counters and state; servers that are not in the
// definitions any more are gone: their connections must be removed from the
// connection table. now is any monotonic time.
// Errors: an unknown scheduler, two services on one VIP, port and protocol, or
// more than MaxVIPs VIPs; the registry is unchanged then.
func (r *Registry) Build(definitions []Definition, owned []frame.Addr, now time.Time) (*Table, error) {
	r.init()
	balancers, err := r.balance(definitions)
	if err != nil {
		return nil, err
	}
	vips, err := r.number(definitions, owned)
	if err != nil {
		return nil, err
	}
	services := make([]*Service, len(definitions))
	keep := make(map[serverKey]bool)
	for i, d := range definitions {
		services[i] = &Service{Definition: d, balancer: balancers[d.Name], template: r.template(&d)}
	}
	t, err := newTable(services, owned, vips)
	if err != nil {
		return nil, err
	}
	for _, s := range services {
		take := func(key serverKey, sd ServerDefinition) *RealServer {
			keep[key] = true
			rs := r.server(key, sd)
			if was := rs.owner.Swap(s); was != nil && !was.SameTemplates(s) {
				t.forgetful[rs.ID] = true
			}
			return rs
		}
		for _, sd := range s.Definition.Servers {
			s.Servers = append(s.Servers, take(keyOf(&s.Definition, &sd), sd))
		}
		if sd := s.Definition.Sorry; sd != nil {
			key := keyOf(&s.Definition, sd)
			key.sorry = true
			s.Sorry = take(key, *sd)
		}
	}
	for _, s := range services {
		if c, ok := s.scheduler.(scheduler.Cacher); ok {
			c.SetExpiry(s.CacheExpiry)
		}
	}
	r.balancers, r.vips = balancers, vips
	r.retire(keep, now)
	for _, s := range services {
		s.Refresh()
	}
	t.servers = append([]*RealServer(nil), r.servers...)
	return t, nil
}

func (r *Registry) init() {
	if r.byKey != nil {
		return
	}
	r.vips = make(map[frame.Addr]uint16)
	r.byKey = make(map[serverKey]*RealServer)
	r.removed = make(map[uint32]time.Time)
	r.numbers = make(map[string]uint32)
}

// balance finds each service's running scheduler, or starts one.
func (r *Registry) balance(definitions []Definition) (map[string]*balancer, error) {
	balancers := make(map[string]*balancer, len(definitions))
	for _, d := range definitions {
		algorithm := d.Scheduler + " " + strings.Join(d.Flags, " ")
		if old := r.balancers[d.Name]; old != nil && old.algorithm == algorithm {
			balancers[d.Name] = old
			continue
		}
		s, err := scheduler.New(d.Scheduler, d.Flags)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", d.Name, err)
		}
		balancers[d.Name] = &balancer{scheduler: s, overflow: scheduler.NewOverflow(), algorithm: algorithm}
	}
	return balancers, nil
}

// number returns the index of each VIP that ever was, and of the new ones.
func (r *Registry) number(definitions []Definition, owned []frame.Addr) (map[frame.Addr]uint16, error) {
	vips := maps.Clone(r.vips)
	add := func(a frame.Addr) error {
		if _, ok := vips[a]; ok {
			return nil
		}
		if len(vips) == MaxVIPs {
			return fmt.Errorf("VIP %v is one more than the %d that a process can have; restart the director", a, MaxVIPs)
		}
		vips[a] = uint16(len(vips))
		return nil
	}
	for _, d := range definitions {
		for _, a := range d.Ranges {
			if err := add(a.VIP); err != nil {
				return nil, fmt.Errorf("service %s: %w", d.Name, err)
			}
		}
	}
	for _, a := range owned {
		if err := add(a); err != nil {
			return nil, err
		}
	}
	return vips, nil
}

// server returns the real server of a key, new or as it was, with what the
// definition says.
func (r *Registry) server(key serverKey, d ServerDefinition) *RealServer {
	rs := r.byKey[key]
	if rs == nil {
		rs = &RealServer{service: key.service, port: key.port, sorry: key.sorry}
		rs.begin()
		rs.ID, rs.Addr, rs.Port = r.freeID(), d.Addr.Netip(), d.HashPort
		r.byKey[key], r.servers[rs.ID] = rs, rs
	}
	if _, was := r.removed[rs.ID]; was {
		delete(r.removed, rs.ID)
		rs.begin()
		rs.setRemoved(false)
	}
	rs.weight.Store(int32(d.Weight))
	rs.setThresholds(d.Upper, d.Lower)
	if !d.MAC.IsZero() {
		rs.SetMAC(d.MAC)
	}
	return rs
}

func (r *Registry) freeID() uint32 {
	for r.free < len(r.servers) && r.servers[r.free] != nil {
		r.free++
	}
	if r.free == len(r.servers) {
		r.servers = append(r.servers, nil)
	}
	return uint32(r.free)
}

// retire marks the servers that are not kept, and frees the numbers of those
// that have been without a connection for long enough.
func (r *Registry) retire(keep map[serverKey]bool, now time.Time) {
	for key, rs := range r.byKey {
		if keep[key] {
			continue
		}
		rs.setGone(true)
		rs.setRemoved(true)
		since := r.removed[rs.ID]
		switch {
		case rs.Active()+rs.Inactive()+rs.Persistent() > 0:
			r.removed[rs.ID] = time.Time{}
		case since.IsZero():
			r.removed[rs.ID] = now
		case now.Sub(since) > retired:
			delete(r.removed, rs.ID)
			delete(r.byKey, key)
			r.servers[rs.ID] = nil
			r.free = min(r.free, int(rs.ID))
		}
	}
}
