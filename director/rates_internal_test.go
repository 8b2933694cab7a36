package director

import (
	"testing"
	"time"

	"lvsdr/conntable"
	"lvsdr/frame"
	"lvsdr/service"
)

// ratesTable is a service with so many servers.
func ratesTable(t *testing.T, registry *service.Registry, servers int) *service.Table {
	t.Helper()
	d := service.Definition{
		Name: "web", Protocol: frame.ProtocolTCP, Scheduler: "rr", Timeouts: &conntable.Timeouts{},
		Ranges: []service.Range{{VIP: frame.AddrFrom4(0xc000020a), First: 80, Last: 80}},
	}
	for i := range servers {
		d.Servers = append(d.Servers, service.ServerDefinition{Addr: frame.AddrFrom4(0xc0000215 + uint32(i)), Port: 80, Weight: 1})
	}
	table, err := registry.Build([]service.Definition{d}, nil, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestRates: what went to a server from one sample to the next, by the second; who
// is gone is forgotten, and nothing is allocated for those who stay.
func TestRates(t *testing.T) {
	table := ratesTable(t, new(service.Registry), 3)
	servers := table.Services()[0].Servers
	var r rates
	now := time.Unix(1000, 0)
	servers[1].Stats().Packets.Add(7)
	r.sample(table, now)
	if got := r.of(servers[1]); got.packetsPerSecond != 0 {
		t.Errorf("after one sample: %+v", got)
	}
	servers[1].Stats().Packets.Add(10)
	servers[1].Stats().Bytes.Add(600)
	servers[2].Stats().Connections.Add(2)
	now = now.Add(2 * time.Second)
	r.sample(table, now)
	if got := r.of(servers[1]); got.packetsPerSecond != 5 || got.bytesPerSec != 300 || got.connectionsPerSecond != 0 {
		t.Errorf("after two: %+v", got)
	}
	if got := r.of(servers[2]); got.connectionsPerSecond != 1 {
		t.Errorf("after two: %+v", got)
	}
	if n := testing.AllocsPerRun(10, func() {
		now = now.Add(time.Second)
		r.sample(table, now)
	}); n != 0 {
		t.Errorf("%v allocations a sample", n)
	}
	if got := r.of(servers[1]); got.packetsPerSecond != 0 {
		t.Errorf("a second without a packet: %+v", got)
	}
	r.sample(ratesTable(t, new(service.Registry), 2), now.Add(time.Second))
	for i, rs := range servers {
		if r.servers[rs] != nil {
			t.Errorf("server %d is still known", i)
		}
	}
	if len(r.servers) != 2 {
		t.Errorf("%d servers are known, not 2", len(r.servers))
	}
}
