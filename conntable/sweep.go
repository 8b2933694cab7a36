package conntable

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// SweepEvery is how often Run looks for expired connections. An expired one is
// not found by Lookup from the tick on at which it expires; it leaves the
// table, and its server's counters, with the next look, or where there are many,
// within 1.25 s after that.
const SweepEvery = Tick

// Connection is one entry, copied out of the table.
type Connection struct {
	Key        Key
	Server     uint32
	Controlled bool // by a template
	State      State
	Expires    Time
}

func newConnection(k *Key, where uint32, l life, now Time) Connection {
	return Connection{
		Key: *k, Server: where & serverBits, Controlled: where&controlled != 0,
		State: l.state(), Expires: now + Time(l.remaining(now)),
	}
}

// Remaining returns how long the connection lives on without a packet.
func (c *Connection) Remaining(now Time) time.Duration {
	return time.Duration(max(c.Expires.until(now), 0)) * Tick
}

// Run sweeps until the context ends. It never holds a lock for longer than one
// bucket run takes.
func (t *Table) Run(ctx context.Context) {
	tick := time.NewTicker(SweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.Sweep(t.Now())
		}
	}
}

// Sweep removes the connections that have expired by now and returns how many.
// Shards in which none can have expired are not looked at. Only one goroutine
// may sweep.
func (t *Table) Sweep(now Time) (removed int) {
	for i := range t.shards {
		sh := &t.shards[i]
		if sh.live.Load() == 0 || Time(sh.due.Load()).until(now) > 0 {
			continue
		}
		removed += t.sweepShard(uint32(i), now)
	}
	return removed + t.sweepTemplates(now)
}

func (t *Table) sweepShard(si uint32, now Time) (removed int) {
	sh := &t.shards[si]
	// Insert and Advance lower due from here on, also for what the scan below
	// has passed already.
	sh.due.Store(uint32(now + farthest))
	due := int32(farthest)
	for p := range t.connections(si) {
		l := life(atomic.LoadUint32(t.word(p)))
		switch left := l.remaining(now) + l.state().slack(); {
		case left > 0:
			due = min(due, left)
		case l.state().isTemplate():
			t.overdue, due = append(t.overdue, p), 0
		case t.removeIf(p, now, false, expiredBy(now)):
			removed++
		default: // somebody used it meanwhile: look again
			due = 0
		}
	}
	if t.isCrowded(sh) {
		due = max(due, sweepPause)
	}
	t.lower(sh, now+Time(due))
	return removed
}

// isCrowded reports whether a shard has so many connections that one of them may
// always be about to expire.
func (t *Table) isCrowded(sh *shard) bool { return sh.live.Load() > int32(t.perShard/crowdedShare) }

// sweepTemplates looks at the templates whose time is over, when the
// connections whose time is over control them no more.
func (t *Table) sweepTemplates(now Time) (removed int) {
	for _, p := range t.overdue {
		if t.removeIf(p, now, false, expiredBy(now)) {
			removed++
		} else {
			t.rearm(p, now)
		}
	}
	t.overdue = t.overdue[:0]
	return removed
}

func expiredBy(now Time) func(Connection) bool {
	return func(c Connection) bool { return c.Expires.until(now) <= 0 }
}

const (
	// farthest is how far ahead a shard without a nearer expiry is looked at.
	farthest = 1 << 30
	// sweepPause is how long a crowded shard is left alone after it was swept, so
	// that a large table in which something always expires costs one pass a second.
	sweepPause = int32(time.Second / Tick)
	// crowdedShare: from one connection in so many buckets on.
	crowdedShare = 128
)

// RemoveServers removes every connection to a server for which gone reports
// true, whatever its timer says, and returns how many.
func (t *Table) RemoveServers(gone func(server uint32) bool) (removed int) {
	return t.removeAll(t.Now(), func(c Connection) bool { return gone(c.Server) })
}

// RemoveTemplates removes every template that leads to a server for which gone
// reports true, whatever it controls, and returns how many.
func (t *Table) RemoveTemplates(gone func(server uint32) bool) (removed int) {
	return t.removeAll(t.Now(), func(c Connection) bool { return c.Key.IsTemplate() && gone(c.Server) })
}

// removeAll removes the connections for which cond holds.
func (t *Table) removeAll(now Time, cond func(c Connection) bool) (removed int) {
	for si := range t.shards {
		for p := range t.connections(uint32(si)) {
			if c, ok := t.read(p, now); ok && cond(c) && t.removeIf(p, now, true, cond) {
				removed++
			}
		}
	}
	return removed
}

// Thin removes those connections of one bucket in share, from a random one on,
// for which drop reports true, and returns how many: a defence against floods.
// Templates are left alone.
func (t *Table) Thin(share int, drop func(c Connection) bool) (removed int) {
	now := t.Now()
	n := uint32(len(t.buckets))
	at := rand.Uint32N(n)
	for range max(n/uint32(share), 1) {
		for i := range uint32(bucketPlaces) {
			p := newPlace(at, i)
			l := t.buckets[at].lifeOf(i)
			if l.isConnection() && !l.state().isTemplate() && t.removeIf(p, now, true, drop) {
				removed++
			}
		}
		if at++; at == n {
			at = 0
		}
	}
	return removed
}

// connections yields the places of a shard in which a connection starts. It
// takes no lock: what is read of them must be checked again under it.
func (t *Table) connections(si uint32) iter.Seq[place] {
	return func(yield func(place) bool) {
		if t.shards[si].live.Load() == 0 {
			return
		}
		first := si * t.perShard
		for at := first; at < first+t.perShard; at++ {
			b := &t.buckets[at]
			for i := range uint32(bucketPlaces) {
				if b.lifeOf(i).isConnection() && !yield(newPlace(at, i)) {
					return
				}
			}
		}
	}
}

// removeIf removes the connection at p if cond still holds once the lock is
// taken; must is that of remove.
func (t *Table) removeIf(p place, now Time, must bool, cond func(c Connection) bool) bool {
	sh := t.shardOf(p)
	sh.Lock()
	defer sh.Unlock()
	c, ok := t.read(p, now)
	if !ok || !cond(c) {
		return false
	}
	return t.remove(p, &c.Key, t.Home(&c.Key), sh, now, must)
}

// read copies the connection at p; false if there is none.
func (t *Table) read(p place, now Time) (Connection, bool) {
	b, i := &t.buckets[p.bucket()], p.index()
	l := b.lifeOf(i)
	if !l.isConnection() {
		return Connection{}, false
	}
	where := b.whereOf(i)
	k := Key{peer: b.peerOf(i), where: where & whereKeyMask}
	if k.isWide() {
		k.hi, k.lo = b.peerOf((i+1)%bucketPlaces), b.whereOf((i+1)%bucketPlaces)
	}
	if again := b.lifeOf(i); again.version() != l.version() || !again.isConnection() {
		return Connection{}, false
	}
	return newConnection(&k, uint32(where), l, now), true
}

// Each calls fn for the connections of the table until it returns false. It
// takes no lock; connections that come or go meanwhile may be missed.
func (t *Table) Each(fn func(Connection) bool) {
	now := t.Now()
	for si := range t.shards {
		for p := range t.connections(uint32(si)) {
			if c, ok := t.read(p, now); ok && !fn(c) {
				return
			}
		}
	}
}
