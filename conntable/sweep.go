package conntable

import (
	"context"
	"iter"
	"sync/atomic"
	"time"
)

// SweepEvery is how often Run looks for expired connections. An expired one is
// not found by Lookup from the tick on at which it expires; it leaves the
// table, and its server's counters, within 1.5 s after that.
const SweepEvery = 500 * time.Millisecond

// Connection is one entry, copied out of the table.
type Connection struct {
	Key     Key
	Server  uint32
	State   State
	Expires Time
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
	return removed
}

func (t *Table) sweepShard(si uint32, now Time) (removed int) {
	sh := &t.shards[si]
	// Insert and Advance lower due from here on, also for what the scan below
	// has passed already.
	sh.due.Store(uint32(now + farthest))
	due := int32(farthest)
	expired := func(l life, _ uint32) bool { return l.remaining(now) <= 0 }
	for p := range t.connections(si) {
		l := life(atomic.LoadUint32(t.word(p)))
		switch left := l.remaining(now); {
		case left > 0:
			due = min(due, left)
		case t.removeIf(p, now, expired):
			removed++
		}
	}
	t.lower(sh, now+Time(max(due, sweepPause)))
	return removed
}

const (
	// farthest is how far ahead a shard without a nearer expiry is looked at.
	farthest = 1 << 30
	// sweepPause is how long a shard is left alone after it was swept, so that
	// a large table in which something always expires costs one pass a second.
	sweepPause = int32(time.Second / Tick)
)

// RemoveServers removes every connection to a server for which gone reports
// true, whatever its timer says, and returns how many.
func (t *Table) RemoveServers(gone func(server uint32) bool) (removed int) {
	now := t.Now()
	isGone := func(_ life, server uint32) bool { return gone(server) }
	for si := range t.shards {
		for p := range t.connections(uint32(si)) {
			if gone(uint32(t.buckets[p.bucket()].whereOf(p.index()))) && t.removeIf(p, now, isGone) {
				removed++
			}
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
// taken.
func (t *Table) removeIf(p place, now Time, cond func(l life, server uint32) bool) bool {
	sh := t.shardOf(p)
	sh.Lock()
	defer sh.Unlock()
	c, ok := t.read(p, now)
	if !ok || !cond(life(atomic.LoadUint32(t.word(p))), c.Server) {
		return false
	}
	t.remove(p, &c.Key, t.Home(&c.Key), sh, now)
	return true
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
	if k.is6() {
		k.hi, k.lo = b.peerOf((i+1)%bucketPlaces), b.whereOf((i+1)%bucketPlaces)
	}
	if again := b.lifeOf(i); again.version() != l.version() || !again.isConnection() {
		return Connection{}, false
	}
	return Connection{Key: k, Server: uint32(where), State: l.state(), Expires: now + Time(l.remaining(now))}, true
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
