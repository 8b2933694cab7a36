package dataplane

import (
	"context"
	"time"

	"lvsdr/conntable"
)

// The kernel's defences against floods (net/netfilter/ipvs/ip_vs_ctl.c,
// update_defense_level; ip_vs_conn.c, ip_vs_random_dropentry). What is short
// here is not the host's memory but the table's places.

const (
	// defendEvery is how often the table is looked at.
	defendEvery = time.Second
	// thinShare: drop_entry looks at one bucket in so many at a time.
	thinShare = 32
	// idleUDP is how long a datagram of a flow must be ago for drop_entry.
	idleUDP = time.Minute
)

// Run sweeps the connection table, and defends it, until the context ends.
func (p *Plane) Run(ctx context.Context) {
	swept := make(chan struct{})
	go func() {
		p.conns.Run(ctx)
		close(swept)
	}()
	tick := time.NewTicker(defendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			<-swept
			return
		case <-tick.C:
			p.defend()
			p.fragments.Sweep(time.Duration(p.conns.Now()) * conntable.Tick)
		}
	}
}

// active reports whether a defence is up.
func (p *Plane) active(d Defence) bool {
	return d == Always || d != Never && p.attacked.Load()
}

// defend looks whether the table is short of places, and drops entries that a
// flood may have left.
func (p *Plane) defend() {
	s := p.conns.Stats()
	settings := p.settings.Load()
	short := nearly(s.Used, s.Capacity, 100) || nearly(s.HalfOpenUse, s.Capacity, percent(settings.HalfOpenQuota)) ||
		nearly(s.UDPUse, s.Capacity, percent(settings.UDPQuota))
	p.attacked.Store(short)
	if p.active(settings.DropEntry) {
		p.conns.Thin(thinShare, p.expendable)
	}
}

// nearly reports whether n is 15 sixteenths of so many percent of the capacity.
func nearly(n, capacity, percent int) bool { return n*1600 >= capacity*percent*15 }

// expendable reports whether drop_entry drops a connection: one that is half
// open, or UDP without a datagram for a minute. The kernel also drops
// established ones that are idle and had few packets; an entry here does not
// count packets, and established connections are what is defended.
func (p *Plane) expendable(c conntable.Connection) bool {
	switch {
	case c.State.HalfOpen():
		return true
	case c.State != conntable.StateUDP:
		return false
	}
	rs := p.services.Load().Server(c.Server)
	if rs == nil {
		return true
	}
	lifetime := rs.Owner().Timeouts[conntable.StateUDP]
	left := conntable.Ticks(c.Remaining(p.conns.Now()))
	return lifetime-min(left, lifetime) >= conntable.Ticks(idleUDP)
}

// dropsNew reports whether drop_packet drops this new connection: one in so
// many.
func (w *Worker) dropsNew() bool {
	if w.settings.DropPacket == Never || !w.plane.active(w.settings.DropPacket) {
		return false
	}
	if w.untilDrop--; w.untilDrop > 0 {
		return false
	}
	w.untilDrop = w.settings.DropRate
	return true
}
