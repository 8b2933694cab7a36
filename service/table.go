package service

import (
	"fmt"
	"math/bits"
	"slices"

	"lvsdr/frame"
)

// Table finds the service of a frame. It is immutable: any goroutine may read.
// The zero value has no services.
type Table struct {
	services []*Service
	servers  []*RealServer // by ID; nil: none
	slots    []*VIP        // open addressing, a power of two
	vips     []*VIP        // by index; nil: not in this table

	forgetful map[uint32]bool // IDs; see Forgets
}

// VIP is one virtual IP address with the services on it.
type VIP struct {
	Addr  frame.Addr
	Index uint16 // the same in all tables of a registry

	protocols []ports // one for each protocol that has a service
}

// ports are the services of one protocol on one VIP, sorted by port.
type ports struct {
	protocol uint8
	ranges   []portRange
	ftp      *Service // has the ports of FTP data that no range has; nil: nobody
	any      *Service // has the ports that nobody else has; nil: nobody
}

// Ports of FTP (RFC 959). A persistent service on ftpPort gets the data
// connections of its clients too, as in IPVS: active ones, of which the client's
// side goes to ftpDataPort of the VIP, and passive ones, to any port for which a
// server needs no privilege (net.ipv4.ip_unprivileged_port_start).
const (
	ftpDataPort  = 20
	ftpPort      = 21
	unprivileged = 1024
)

type portRange struct {
	first, last uint16
	service     *Service
}

// Services returns all services, in the order of their definitions.
func (t *Table) Services() []*Service { return t.services }

// Server returns the real server with the given ID, also one that was removed
// and still has connections; nil if there is none.
func (t *Table) Server(id uint32) *RealServer {
	if int64(id) < int64(len(t.servers)) {
		return t.servers[id]
	}
	return nil
}

// Forgets reports whether the templates that lead to the server are named
// otherwise from this table on: nobody finds those that are there.
func (t *Table) Forgets(id uint32) bool { return t.forgetful[id] }

// ForgetsSome reports whether Forgets does for any server.
func (t *Table) ForgetsSome() bool { return len(t.forgetful) > 0 }

// MaxServers is one more than the largest ID of a real server.
func (t *Table) MaxServers() int { return len(t.servers) }

// Servers calls fn for each real server, also removed ones.
func (t *Table) Servers(fn func(*RealServer)) {
	for _, rs := range t.servers {
		if rs != nil {
			fn(rs)
		}
	}
}

// VIPs returns all VIPs, also those without a service.
func (t *Table) VIPs() []*VIP {
	return slices.DeleteFunc(slices.Clone(t.vips), func(v *VIP) bool { return v == nil })
}

// VIPByIndex returns the VIP with the index; nil if it is not in this table.
func (t *Table) VIPByIndex(index uint16) *VIP {
	if int(index) < len(t.vips) {
		return t.vips[index]
	}
	return nil
}

// VIP returns the virtual IP with this address; nil if it is none of ours.
func (t *Table) VIP(a frame.Addr) *VIP {
	if len(t.slots) == 0 {
		return nil // the zero value
	}
	mask := uint64(len(t.slots) - 1)
	for i := spread(a); ; i++ {
		v := t.slots[i&mask]
		if v == nil || v.Addr == a {
			return v
		}
	}
}

// Service returns the service on the port; nil if there is none.
func (v *VIP) Service(protocol uint8, port uint16) *Service {
	for i := range v.protocols {
		if v.protocols[i].protocol == protocol {
			return v.protocols[i].find(port)
		}
	}
	return nil
}

// find takes the last range that begins at or before the port, or else the
// service of FTP, or that of any port.
func (p *ports) find(port uint16) *Service {
	lo, hi := 0, len(p.ranges)
	for lo < hi {
		if mid := (lo + hi) / 2; p.ranges[mid].first <= port {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	switch {
	case lo > 0 && port <= p.ranges[lo-1].last:
		return p.ranges[lo-1].service
	case p.ftp != nil && (port == ftpDataPort || port >= unprivileged):
		return p.ftp
	}
	return p.any
}

func (s *Service) takesFTPData() bool { return s.Protocol == frame.ProtocolTCP && s.IsPersistent() }

// HasFTPData reports whether a port of the service, to which a packet came, is its
// own only for the data connections of FTP.
func (s *Service) HasFTPData(port uint16) bool {
	return s.takesFTPData() && !slices.ContainsFunc(s.Ranges, func(r Range) bool {
		return r.anyPort() || r.First <= port && port <= r.Last
	})
}

// spread hashes a VIP. VIPs are the operator's choice: no secret is needed.
func spread(a frame.Addr) uint64 {
	hi, lo := bits.Mul64(a.Lo^a.Hi^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return hi ^ lo
}

// newTable makes the index of the services, and of the VIPs that are owned
// without one. numbers gives each VIP's index.
func newTable(services []*Service, owned []frame.Addr, numbers map[frame.Addr]uint16) (*Table, error) {
	t := &Table{services: services, vips: make([]*VIP, len(numbers)), forgetful: make(map[uint32]bool)}
	for _, a := range owned {
		t.vip(a, numbers)
	}
	for _, s := range services {
		for _, r := range s.Ranges {
			if err := t.vip(r.VIP, numbers).add(s, r); err != nil {
				return nil, err
			}
		}
	}
	t.slots = make([]*VIP, 4<<bits.Len(uint(len(t.vips))))
	for _, v := range t.vips {
		if v != nil {
			t.place(v)
		}
	}
	return t, nil
}

func (t *Table) vip(a frame.Addr, numbers map[frame.Addr]uint16) *VIP {
	n := numbers[a]
	if t.vips[n] == nil {
		t.vips[n] = &VIP{Addr: a, Index: n}
	}
	return t.vips[n]
}

func (t *Table) place(v *VIP) {
	mask := uint64(len(t.slots) - 1)
	i := spread(v.Addr)
	for t.slots[i&mask] != nil {
		i++
	}
	t.slots[i&mask] = v
}

// add puts a range in its place among the others of its protocol.
func (v *VIP) add(s *Service, r Range) error {
	i := slices.IndexFunc(v.protocols, func(p ports) bool { return p.protocol == s.Protocol })
	if i < 0 {
		i = len(v.protocols)
		v.protocols = append(v.protocols, ports{protocol: s.Protocol})
	}
	p := &v.protocols[i]
	if r.anyPort() {
		if p.any != nil {
			return overlap(s, p.any, r)
		}
		p.any = s
		return nil
	}
	at, _ := slices.BinarySearchFunc(p.ranges, r.First, func(e portRange, first uint16) int { return int(e.first) - int(first) })
	if at > 0 && p.ranges[at-1].last >= r.First {
		return overlap(s, p.ranges[at-1].service, r)
	}
	if at < len(p.ranges) && p.ranges[at].first <= r.Last {
		return overlap(s, p.ranges[at].service, r)
	}
	p.ranges = slices.Insert(p.ranges, at, portRange{r.First, r.Last, s})
	if s.takesFTPData() && r.First == ftpPort && r.Last == ftpPort {
		p.ftp = s
	}
	return nil
}

func overlap(s, other *Service, r Range) error {
	return fmt.Errorf("service %s: %v ports %d-%d belong to service %s already", s.Name, r.VIP, r.First, r.Last, other.Name)
}
