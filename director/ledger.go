package director

import (
	"maps"

	"lvsdr/admin/api"
	"lvsdr/service"
)

// ledger knows from where on an operator sees counters count, which themselves
// never go back: from ipvsadm -Z, and from the making of a service. A service has
// also counted what went to the servers that it has no more, as in IPVS.
type ledger struct {
	zeros map[*service.RealServer]api.Counts // what counters were then
	left  map[*service.RealServer]api.Counts // what servers had counted when they left their service
	gone  map[string]api.Counts              // the sum of that, by service, less what came back
}

func newLedger() ledger {
	return ledger{
		zeros: make(map[*service.RealServer]api.Counts), left: make(map[*service.RealServer]api.Counts),
		gone: make(map[string]api.Counts),
	}
}

// counts are all that ever went to a server.
func counts(rs *service.RealServer) api.Counts {
	stats := rs.Stats()
	return api.Counts{Connections: stats.Connections.Load(), Packets: stats.Packets.Load(), Bytes: stats.Bytes.Load()}
}

// plus and minus are modulo 2^64.
func plus(a, b api.Counts) api.Counts {
	return api.Counts{Connections: a.Connections + b.Connections, Packets: a.Packets + b.Packets, Bytes: a.Bytes + b.Bytes}
}

func minus(a, b api.Counts) api.Counts {
	return api.Counts{Connections: a.Connections - b.Connections, Packets: a.Packets - b.Packets, Bytes: a.Bytes - b.Bytes}
}

func (l *ledger) since(rs *service.RealServer) api.Counts { return minus(counts(rs), l.zeros[rs]) }

// total is what a service has counted.
func (l *ledger) total(s *service.Service) api.Counts {
	sum := l.gone[s.Name]
	s.Each(func(rs *service.RealServer) { sum = plus(sum, l.since(rs)) })
	return sum
}

// follow notes which servers have left their services, and which came back, when
// one table takes the place of another. A service that is not in it any more is
// a new one if it comes back.
func (l *ledger) follow(before, now *service.Table) {
	present := make(map[*service.RealServer]bool)
	names := make(map[string]bool)
	for _, s := range now.Services() {
		names[s.Name] = true
		s.Each(func(rs *service.RealServer) {
			present[rs] = true
			if c, was := l.left[rs]; was {
				l.gone[s.Name] = minus(l.gone[s.Name], c)
				delete(l.left, rs)
			}
		})
	}
	var ended named
	for _, s := range before.Services() {
		if !names[s.Name] {
			ended.add(s.Name)
		}
		s.Each(func(rs *service.RealServer) {
			if !present[rs] {
				c := l.since(rs)
				l.left[rs], l.gone[s.Name] = c, plus(l.gone[s.Name], c)
			}
		})
	}
	l.begin(now, ended)
	l.forget(now)
}

// begin makes services count from 0, with all servers that they ever had.
func (l *ledger) begin(t *service.Table, services named) {
	if !services.all && len(services.names) == 0 {
		return
	}
	maps.DeleteFunc(l.gone, func(name string, _ api.Counts) bool { return services.has(name) })
	t.Servers(func(rs *service.RealServer) {
		if services.has(rs.Service()) {
			l.zeros[rs] = counts(rs)
			delete(l.left, rs)
		}
	})
}

// zero makes services, and the servers that they have, count from 0.
func (l *ledger) zero(t *service.Table, services named) {
	for _, s := range t.Services() {
		if !services.has(s.Name) {
			continue
		}
		s.Each(func(rs *service.RealServer) { l.zeros[rs] = counts(rs) })
		delete(l.gone, s.Name)
	}
}

// forget drops the servers of which nobody knows any more.
func (l *ledger) forget(t *service.Table) {
	known := make(map[*service.RealServer]bool)
	t.Servers(func(rs *service.RealServer) { known[rs] = true })
	for _, m := range []map[*service.RealServer]api.Counts{l.zeros, l.left} {
		for rs := range m {
			if !known[rs] {
				delete(m, rs)
			}
		}
	}
}
