package ipvsadm

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"lvsdr/admin/api"
)

// entry is a virtual service as ipvsadm has it: a mark, or one address. A
// service of the director that has several addresses and no mark is as many
// entries.
type entry struct {
	*api.Service
	protocol    string     // "" with a mark: its ports have no names
	addr        netip.Addr // with a mark, one that tells the family
	first, last uint16     // ports; of a mark 0
	servers     []backend
}

// backend is a real server of an entry.
type backend struct {
	*api.RealServer
	addr  netip.Addr
	port  uint16
	sorry bool // it is none of the service's, but serves in their place
}

// weight is what an operator gave the server, unless a check or an order has taken
// it away: a server whose MAC address is not known yet has none for the director,
// nor one that warms all of it, but a program that sets weights must find the one
// that it set.
func (b *backend) weight() int {
	switch b.State {
	case "down", "draining", "maintenance":
		return b.Weight
	}
	if b.Health == "up" {
		return b.Configured
	}
	return b.Weight
}

// entries are all services in the director's order, each with its latest server
// first, as the kernel lists them. A sorry server that serves is the latest of all, as
// if keepalived had just added it.
func entries(status *api.Status) (all []entry, err error) {
	for i := range status.Services {
		s := &status.Services[i]
		for _, a := range names(s) {
			e, err := newEntry(s, a)
			if err != nil {
				return nil, fmt.Errorf("service %s: %w", s.Name, err)
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// names are what there is an entry for; one address if it is for the mark, which
// tells the family.
func names(s *api.Service) []string {
	switch {
	case s.Mark == 0:
		return s.Addresses
	case len(s.Addresses) > 0:
		return s.Addresses[:1]
	case len(s.Servers) > 0:
		return []string{s.Servers[0].Address}
	case s.Prefix > 32:
		return []string{"::"}
	}
	return []string{"0.0.0.0"}
}

func newEntry(s *api.Service, address string) (e entry, err error) {
	e = entry{Service: s, protocol: s.Protocol}
	if e.addr, e.first, e.last, err = splitAddress(address); err != nil {
		return e, err
	}
	if s.Mark != 0 {
		e.protocol, e.first, e.last = "", 0, 0
	}
	servers := make([]backend, 0, len(s.Servers)+1)
	if sorry := s.SorryServer; sorry != nil && sorry.State == "up" {
		servers = append(servers, backend{RealServer: sorry, sorry: true})
	}
	for i := len(s.Servers) - 1; i >= 0; i-- {
		servers = append(servers, backend{RealServer: &s.Servers[i]})
	}
	for _, b := range servers {
		if b.addr, b.port, _, err = splitAddress(b.Address); err != nil {
			return e, err
		}
		if e.Mark == 0 && e.first == e.last { // direct routing keeps it, whatever port is checked
			b.port = e.first
		}
		e.servers = append(e.servers, b)
	}
	return e, nil
}

// splitAddress reads ADDRESS, ADDRESS:PORT or ADDRESS:FIRST-LAST, as the API
// has them.
func splitAddress(s string) (addr netip.Addr, first, last uint16, err error) {
	if addr, err = netip.ParseAddr(s); err == nil {
		return addr, 0, 0, nil
	}
	host, ports := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, ports = s[:i], s[i+1:]
	}
	from, to, isRange := strings.Cut(ports, "-")
	if !isRange {
		to = from
	}
	a, errAddr := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	low, errLow := strconv.ParseUint(from, 10, 16)
	high, errHigh := strconv.ParseUint(to, 10, 16)
	if errAddr != nil || errLow != nil || errHigh != nil {
		return addr, 0, 0, fmt.Errorf("the director sent the address %q", s)
	}
	return a, uint16(low), uint16(high), nil
}

// is reports whether the entry is what the line names. A range of ports is
// named by any of them.
func (e *entry) is(s *service) bool {
	if s.mark != 0 || e.Mark != 0 {
		return s.mark == e.Mark
	}
	return e.protocol == s.protocol && e.addr == s.addr && e.first <= s.port && s.port <= e.last
}

// mask is the netmask of persistence as ipvsadm prints it, "" if it takes whole
// addresses.
func (e *entry) mask() string {
	switch {
	case e.Prefix == 0 || e.Prefix == e.addr.BitLen():
		return ""
	case e.addr.Is6() || e.Prefix > 32:
		return strconv.Itoa(e.Prefix)
	}
	return dotted(e.Prefix)
}

// counts are what went to a server, or to all of an entry, since they were last
// set to zero; a director counts nothing on the way out.
func (b *backend) counts() [5]uint64 {
	return [5]uint64{
		since(b.Connections, b.Zero.Connections), since(b.Packets, b.Zero.Packets), 0, since(b.Bytes, b.Zero.Bytes), 0,
	}
}

func since(now, then uint64) uint64 { return now - min(now, then) }

func (e *entry) counts() [5]uint64 {
	return [5]uint64{e.Total.Connections, e.Total.Packets, 0, e.Total.Bytes, 0}
}

// rates are the same per second.
func (b *backend) rates() [5]uint64 {
	return rounded(b.ConnectionsS, b.PacketsS, b.BytesS)
}

func (e *entry) rates() [5]uint64 {
	var connections, packets, bytes float64
	for i := range e.servers {
		b := &e.servers[i]
		connections, packets, bytes = connections+b.ConnectionsS, packets+b.PacketsS, bytes+b.BytesS
	}
	return rounded(connections, packets, bytes)
}

func rounded(connections, packets, bytes float64) [5]uint64 {
	return [5]uint64{uint64(math.Round(connections)), uint64(math.Round(packets)), 0, uint64(math.Round(bytes)), 0}
}
