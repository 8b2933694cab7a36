package dataplane

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"lvsdr/conntable"
	"lvsdr/service"
)

// Options of a Plane.
type Options struct {
	Connections  int                  // capacity of the connection table
	Grace        time.Duration        // after the start; see docs/architecture.md
	DecrementTTL bool                 // forwarding costs a hop
	Heap         bool                 // connection table on the Go heap, for race tests
	Now          func() time.Duration // clock, for tests; nil: the monotonic one
}

// Plane is what all workers share. Make it with New.
type Plane struct {
	conns    *conntable.Table
	services atomic.Pointer[service.Table]

	start        conntable.Time
	grace        uint32 // ticks
	decrementTTL atomic.Bool
	overflowing  atomic.Uint32 // ticks+1 until which connections without an entry may exist; 0: none

	mu       sync.Mutex
	counters []*counters // of all workers that ever were
}

// New allocates the connection table.
func New(o Options) (*Plane, error) {
	p := &Plane{grace: conntable.Ticks(o.Grace)}
	conns, err := conntable.New(conntable.Options{
		Capacity: o.Connections, Heap: o.Heap, Now: o.Now, OnRemove: p.closed,
	})
	if err != nil {
		return nil, err
	}
	p.conns, p.start = conns, conns.Now()
	p.decrementTTL.Store(o.DecrementTTL)
	p.services.Store(&service.Table{})
	return p, nil
}

// Close frees the connection table. No worker may run any more.
func (p *Plane) Close() error { return p.conns.Close() }

// Run sweeps the connection table until the context ends.
func (p *Plane) Run(ctx context.Context) { p.conns.Run(ctx) }

// SetTable makes the workers use the table from their next batch on, and
// removes the connections of servers that are gone.
func (p *Plane) SetTable(t *service.Table) {
	p.services.Store(t)
	p.ExpireGone()
}

// SetDecrementTTL says whether forwarding costs a hop.
func (p *Plane) SetDecrementTTL(on bool) { p.decrementTTL.Store(on) }

// ExpireGone removes the connections of servers that are gone, and returns how
// many. Workers do not use them any more already; this frees their places.
func (p *Plane) ExpireGone() int {
	t := p.services.Load()
	gone := make([]bool, t.MaxServers())
	some := false
	t.Servers(func(rs *service.RealServer) {
		_, _, gone[rs.ID] = rs.Route()
		some = some || gone[rs.ID] && rs.Active()+rs.Inactive() > 0
	})
	if !some {
		return 0
	}
	return p.conns.RemoveServers(func(id uint32) bool { return int(id) >= len(gone) || gone[id] })
}

// closed counts a connection that left the table.
func (p *Plane) closed(c conntable.Connection) {
	if rs := p.services.Load().Server(c.Server); rs != nil {
		rs.Closed(c.State.Active())
	}
}

// Connections returns how full the connection table is.
func (p *Plane) Connections() conntable.Stats { return p.conns.Stats() }

// inGrace reports whether the director started so lately that connections of
// its predecessor may be under way.
func (p *Plane) inGrace(now conntable.Time) bool { return uint32(now-p.start) < p.grace }

// overflowed notes that a connection found no place in the table, and is
// forwarded without an entry for as long as it may live.
func (p *Plane) overflowed(now conntable.Time, lifetime uint32) {
	until := uint32(now) + lifetime | 1
	for {
		old := p.overflowing.Load()
		if old != 0 && int32(old-until) >= 0 || p.overflowing.CompareAndSwap(old, until) {
			return
		}
	}
}

// mayOverflow reports whether there may be connections without an entry.
func (p *Plane) mayOverflow(now conntable.Time) bool {
	until := p.overflowing.Load()
	return until != 0 && int32(until-uint32(now)) > 0
}
