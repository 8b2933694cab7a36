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
	connections, packets, bytes                         uint64 // counters at the last sample
	connectionsPerSecond, packetsPerSecond, bytesPerSec float64
}

// sample takes the counters of all servers.
func (r *rates) sample(t *service.Table, now time.Time) {
	elapsed := now.Sub(r.at).Seconds()
	next := make(map[*service.RealServer]*rate, len(r.servers))
	t.Servers(func(rs *service.RealServer) {
		stats := rs.Stats()
		v := &rate{
			connections: stats.Connections.Load(), packets: stats.Packets.Load(), bytes: stats.Bytes.Load(),
		}
		if old := r.servers[rs]; old != nil && elapsed > 0 {
			v.connectionsPerSecond = float64(v.connections-old.connections) / elapsed
			v.packetsPerSecond = float64(v.packets-old.packets) / elapsed
			v.bytesPerSec = float64(v.bytes-old.bytes) / elapsed
		}
		next[rs] = v
	})
	r.at, r.servers = now, next
}

// of returns the rates of a server, zero for one not yet sampled twice.
func (r *rates) of(rs *service.RealServer) rate {
	if v := r.servers[rs]; v != nil {
		return *v
	}
	return rate{}
}
