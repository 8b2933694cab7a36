package realserver

import (
	"net/netip"
	"slices"
	"strconv"
)

// MemoryRoute is a route of a Memory's table; table 0 is the main one.
type MemoryRoute struct {
	Prefix netip.Prefix
	Route
}

// FindRoute implements Host: the longest prefix wins, a rule for the source comes
// before the main table, and what arrives is judged by rp_filter and
// accept_local.
func (m *Memory) FindRoute(q RouteQuery) (Route, error) {
	if q.In != "" {
		return m.arrive(q), nil
	}
	if q.From.IsValid() && q.From.Is4() && !m.has(q.From) {
		return Route{Type: RouteRefused}, nil
	}
	if m.has(q.To) {
		return Route{Type: RouteLocal, Interface: loopback}, nil
	}
	return m.leave(q), nil
}

func (m *Memory) has(addr netip.Addr) bool {
	return slices.ContainsFunc(m.Address, func(a Address) bool { return a.Prefix.Addr() == addr })
}

// leave looks up a packet of the host's own.
func (m *Memory) leave(q RouteQuery) Route {
	for _, rule := range m.Rule {
		if rule.From.Contains(q.From) {
			if r, ok := longest(m.routesOf(rule.Table), q.To); ok {
				return r
			}
		}
	}
	r, ok := longest(m.routesOf(0), q.To)
	if !ok {
		return Route{Type: RouteNone}
	}
	return r
}

// routesOf lists the routes of a table; the main one has those of the addresses.
func (m *Memory) routesOf(table int) []MemoryRoute {
	var routes []MemoryRoute
	for _, r := range m.Route {
		if r.Table == table {
			routes = append(routes, r)
		}
	}
	if table != 0 {
		return routes
	}
	for _, a := range m.Address {
		if a.Interface != loopback {
			routes = append(routes, MemoryRoute{a.Prefix.Masked(), Route{Type: RouteUnicast, Interface: a.Interface}})
		}
	}
	for _, name := range m.Defaults {
		routes = append(routes, MemoryRoute{netip.PrefixFrom(netip.IPv4Unspecified(), 0), Route{Type: RouteUnicast, Interface: name}})
	}
	return routes
}

func longest(routes []MemoryRoute, to netip.Addr) (best Route, ok bool) {
	bits := -1
	for _, r := range routes {
		if r.Prefix.Contains(to) && r.Prefix.Bits() > bits {
			best, bits = r.Route, r.Prefix.Bits()
			if !best.leads() {
				best.Prefix = r.Prefix
			}
		}
	}
	return best, bits >= 0
}

// arrive judges the source of an IPv4 packet as __fib_validate_source() in
// net/ipv4/fib_frontend.c does.
func (m *Memory) arrive(q RouteQuery) Route {
	refused, to := Route{Type: RouteRefused}, Route{Type: RouteUnreachable}
	if m.has(q.To) {
		to = Route{Type: RouteLocal, Interface: loopback}
	}
	if !q.From.Is4() {
		return to
	}
	strict := m.number(q.In, "rp_filter")
	if m.has(q.From) {
		if m.number(q.In, "accept_local") == 0 || strict == 1 {
			return refused
		}
		return to
	}
	back := m.leave(RouteQuery{From: q.To, To: q.From})
	switch {
	case strict == 0, back.Type == RouteUnicast && (strict == 2 || back.Interface == q.In):
		return to
	}
	return refused
}

// number returns the larger of a sysctl's two values.
func (m *Memory) number(name, leaf string) int {
	all, _ := strconv.Atoi(m.Sysctl[ipv4Conf("all", leaf)])
	own, _ := strconv.Atoi(m.Sysctl[ipv4Conf(name, leaf)])
	return max(all, own)
}
