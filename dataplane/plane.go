package dataplane

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane/fragment"
	"lvsdr/frame"
	"lvsdr/service"
)

// Options of a Plane.
type Options struct {
	Connections int              // capacity of the connection table
	Fragments   fragment.Options // bounds of the fragment table
	Grace       time.Duration    // after the start; see docs/architecture.md
	Settings    Settings
	Heap        bool                 // tables on the Go heap, for race tests
	Now         func() time.Duration // clock, for tests; nil: the monotonic one
}

// Plane is what all workers share. Make it with New.
type Plane struct {
	conns    *conntable.Table
	services atomic.Pointer[service.Table]

	fragments     *fragment.Table
	lostFragments atomic.Uint64 // that waited in vain though the first came

	start       conntable.Time
	grace       uint32 // ticks
	settings    atomic.Pointer[Settings]
	own         atomic.Pointer[[]frame.Addr]
	attacked    atomic.Bool   // the table, or a quota of it, is nearly full
	overflowing atomic.Uint32 // ticks+1 until which connections without an entry may exist; 0: none

	mu       sync.Mutex
	counters []*counters // of all workers that ever were
}

// New allocates the tables.
func New(o Options) (*Plane, error) {
	o.Fragments.Heap = o.Heap
	fragments, err := fragment.New(o.Fragments)
	if err != nil {
		return nil, err
	}
	p := &Plane{grace: conntable.Ticks(o.Grace), fragments: fragments}
	conns, err := conntable.New(conntable.Options{
		Capacity: o.Connections, Heap: o.Heap, Now: o.Now, OnRemove: p.closed,
	})
	if err != nil {
		return nil, errors.Join(err, fragments.Close())
	}
	p.conns, p.start = conns, conns.Now()
	p.SetSettings(o.Settings)
	p.services.Store(&service.Table{})
	p.SetOwnAddrs(nil)
	return p, nil
}

// Close frees the tables. No worker may run any more, and nobody may ask what is
// in them.
func (p *Plane) Close() error { return errors.Join(p.conns.Close(), p.fragments.Close()) }

// SetTable makes the workers use the table from their next batch on, and
// removes the connections of servers that are gone, and the templates that
// nobody finds any more.
func (p *Plane) SetTable(t *service.Table) {
	p.services.Store(t)
	if t.ForgetsSome() {
		p.conns.RemoveTemplates(t.Forgets)
	}
	p.ExpireGone()
}

// SetSettings makes the workers use the settings from their next batch on.
func (p *Plane) SetSettings(s Settings) {
	p.settings.Store(&s)
	p.conns.SetQuotas(percent(s.HalfOpenQuota), percent(s.UDPQuota))
}

// Fragments returns what the fragment table holds, and what became of what it
// held.
func (p *Plane) Fragments() fragment.Stats {
	lost := p.lostFragments.Load() // first: all of them are among the released then
	s := p.fragments.Stats()
	s.Released -= lost
	s.Lost += lost
	return s
}

// SetOwnAddrs tells the host's own addresses: no client has them.
func (p *Plane) SetOwnAddrs(own []frame.Addr) { p.own.Store(&own) }

func percent(quota int) int {
	if quota == 0 {
		return 100
	}
	return quota
}

// EachConnection calls fn for the connections and templates of the table until
// it returns false. It takes no lock; what comes or goes meanwhile may be
// missed.
func (p *Plane) EachConnection(fn func(conntable.Connection) bool) { p.conns.Each(fn) }

// Now is the moment by which a connection's expiry is measured.
func (p *Plane) Now() conntable.Time { return p.conns.Now() }

// ExpireGone removes the connections of servers that are gone, and returns how
// many. Workers do not use them any more already; this frees their places. With
// expire_nodest_conn off, those of removed servers stay: they may come back.
func (p *Plane) ExpireGone() int {
	t, keep := p.services.Load(), !p.settings.Load().ExpireNodestConn
	gone := make([]bool, t.MaxServers())
	some := false
	t.Servers(func(rs *service.RealServer) {
		_, _, gone[rs.ID] = rs.Route()
		gone[rs.ID] = gone[rs.ID] && !(keep && rs.Removed())
		some = some || gone[rs.ID] && rs.Active()+rs.Inactive()+rs.Persistent() > 0
	})
	if !some {
		return 0
	}
	return p.conns.RemoveServers(func(id uint32) bool { return int(id) >= len(gone) || gone[id] })
}

// closed counts a connection that left the table.
func (p *Plane) closed(c conntable.Connection) {
	rs := p.services.Load().Server(c.Server)
	switch {
	case rs == nil:
	case c.Key.IsTemplate():
		rs.AddPersistent(-1)
	default:
		rs.Closed(c.State.Active())
		if c.Controlled {
			key := rs.Owner().Template(c.Key.Client(), c.Key.VIP())
			p.conns.Release(&key, c.Server)
		}
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
