package director

import (
	"time"

	"lvsdr/service"
)

// rates are what went to each server within about the last second.
type rates struct {
	at      time.Time
	servers map[*service.RealServer]*rate
}

type rate struct {
	at                                                  time.Time // of the last sample
	connections, packets, bytes                         uint64    // counters then
	connectionsPerSecond, packetsPerSecond, bytesPerSec float64
}

// sample takes the counters of all servers. It allocates nothing for those that it
// knows.
func (r *rates) sample(t *service.Table, now time.Time) {
	if r.servers == nil {
		r.servers = make(map[*service.RealServer]*rate)
	}
	elapsed := now.Sub(r.at).Seconds()
	t.Servers(func(rs *service.RealServer) {
		v := r.servers[rs]
		if v == nil {
			v = new(rate)
			r.servers[rs] = v
		}
		v.sample(rs, now, elapsed)
	})
	for rs, v := range r.servers {
		if !v.at.Equal(now) {
			delete(r.servers, rs)
		}
	}
	r.at = now
}

// sample takes the counters of one, and the rates if it has been sampled before.
func (v *rate) sample(rs *service.RealServer, now time.Time, elapsed float64) {
	stats := rs.Stats()
	connections, packets, bytes := stats.Connections.Load(), stats.Packets.Load(), stats.Bytes.Load()
	if !v.at.IsZero() && elapsed > 0 {
		v.connectionsPerSecond = float64(connections-v.connections) / elapsed
		v.packetsPerSecond = float64(packets-v.packets) / elapsed
		v.bytesPerSec = float64(bytes-v.bytes) / elapsed
	}
	v.at, v.connections, v.packets, v.bytes = now, connections, packets, bytes
}

// of returns the rates of a server, zero for one not yet sampled twice.
func (r *rates) of(rs *service.RealServer) rate {
	if v := r.servers[rs]; v != nil {
		return *v
	}
	return rate{}
}
