package conntable

import "sync/atomic"

// Conn is a connection that a lookup found: a copy of what decides where its
// packets go, and the reference by which Advance and Delete find it again.
type Conn struct {
	Server uint32 // real server, as given to Insert
	place  place
	life   life
}

// State returns the connection's state when it was looked up.
func (c *Conn) State() State { return c.life.state() }

// Hash returns the hash of a key, which the other methods take beside it: a
// worker computes it once, prefetches, and looks up a batch later.
func (t *Table) Hash(k *Key) uint64 { return k.hash(&t.secret) }

// Prefetch asks the processor to load the bucket where a search starts.
func (t *Table) Prefetch(hash uint64) {
	_, b := t.home(hash)
	prefetch(&t.buckets[b].peer[0])
}

// Lookup finds a connection that has not expired by now. hash is Hash(k). It
// takes no lock and does not allocate.
func (t *Table) Lookup(k *Key, hash uint64, now Time) (Conn, bool) {
	first, at := t.home(hash)
	b := &t.buckets[at]
	i := b.candidate(k)
	l, where := b.lifeOf(i), b.whereOf(i)
	if !b.holds(i, l, where, k) {
		if b.overflow() == 0 {
			return Conn{}, false
		}
		c, ok := t.search(k, first, t.next(first, at))
		return c, ok && c.life.remaining(now) > 0
	}
	return Conn{Server: uint32(where), place: newPlace(at, i), life: l}, l.remaining(now) > 0
}

// candidate returns the only place of the bucket that can hold the key: the
// first whose words match, or else the last. It decides without a branch:
// nothing could predict it, and each wrong guess would wait for the memory.
func (b *bucket) candidate(k *Key) uint32 {
	d0 := b.peerOf(0) ^ k.peer | (b.whereOf(0)^k.where)&whereKeyMask
	d1 := b.peerOf(1) ^ k.peer | (b.whereOf(1)^k.where)&whereKeyMask
	n0 := (d0 | -d0) >> 63 // 0: place 0 matches
	n1 := (d1 | -d1) >> 63
	return uint32(n0 + n0&n1)
}

// holds reports whether place i, of which l and where were just read, holds
// the key. The version is read again at the end: a place that changed hands
// meanwhile is no match.
func (b *bucket) holds(i uint32, l life, where uint64, k *Key) bool {
	if b.peerOf(i) != k.peer || (where^k.where)&whereKeyMask != 0 || !l.isConnection() {
		return false
	}
	if k.is6() && (b.peerOf(i+1) != k.hi || b.whereOf(i+1) != k.lo) {
		return false
	}
	now := b.lifeOf(i)
	return now.version() == l.version() && now.isConnection()
}

// search looks for the key from bucket at on, through the run of buckets that
// were passed over.
func (t *Table) search(k *Key, first, at uint32) (Conn, bool) {
	for range maxProbe {
		b := &t.buckets[at]
		i := b.candidate(k)
		if l, where := b.lifeOf(i), b.whereOf(i); b.holds(i, l, where, k) {
			return Conn{Server: uint32(where), place: newPlace(at, i), life: l}, true
		}
		if b.overflow() == 0 {
			break
		}
		at = t.next(first, at)
	}
	return Conn{}, false
}

// Advance moves a looked-up connection on: state by the event, and its timer
// to what timeouts say. It returns the state before and after; they differ for
// exactly one caller if several see the same change. ok is false if the
// connection has left the table since. It takes no lock, does not allocate,
// and writes at most once a tick while the state stays.
func (t *Table) Advance(c *Conn, e Event, timeouts *Timeouts, now Time) (from, to State, ok bool) {
	word := t.word(c.place)
	for l := c.life; ; {
		from = l.state()
		to = from.Next(e)
		next := newLife(now+Time(timeouts[to]), l, to)
		if next == l && life(atomic.LoadUint32(word)) == l {
			return from, to, true
		}
		if atomic.CompareAndSwapUint32(word, uint32(l), uint32(next)) {
			if from != to { // only a change of state brings the expiry nearer
				t.lower(t.shardOf(c.place), now+Time(timeouts[to]))
			}
			c.life = next
			return from, to, true
		}
		l = life(atomic.LoadUint32(word))
		if l.version() != c.life.version() || !l.isConnection() {
			return StateFree, StateFree, false
		}
	}
}

func (t *Table) shardOf(p place) *shard { return &t.shards[p.bucket()/t.perShard] }

// lower makes sure that the sweeper looks at the shard by the time given.
func (t *Table) lower(s *shard, due Time) {
	for {
		old := s.due.Load()
		if due.until(Time(old)) >= 0 || s.due.CompareAndSwap(old, uint32(due)) {
			return
		}
	}
}
