package conntable

import "sync/atomic"

// Outcome says what Insert did.
type Outcome uint8

// The outcomes of Insert.
const (
	Inserted Outcome = iota
	Existed          // another worker was faster: its connection is returned
	Full             // no place: nothing was changed
)

// Insert adds a connection to the server in the given state, to expire after
// the state's timeout. h is Home(k). It takes the shard's lock and does not
// allocate.
func (t *Table) Insert(k *Key, h Home, server uint32, s State, timeouts *Timeouts, now Time) (Conn, Outcome) {
	sh := &t.shards[h.first/t.perShard]
	sh.Lock()
	defer sh.Unlock()

	if c, ok := t.search(k, h); ok {
		if c.life.remaining(now) > 0 {
			return c, Existed
		}
		t.remove(c.place, k, h, sh, now)
	}
	size := int64(1)
	if k.is6() {
		size = 2
	}
	if t.used.Add(size) > t.capacity {
		return t.refuse(size)
	}
	p, ok := t.vacancy(h, k.is6())
	if !ok {
		return t.refuse(size)
	}
	for at := h.start; at != p.bucket(); at = t.next(h.first, at) {
		t.buckets[at].addOverflow(1)
	}
	expires := now + Time(timeouts[s])
	if sh.live.Add(1) == 1 {
		sh.due.Store(uint32(expires)) // nothing in the shard is seen yet that could be due before
	}
	t.v6.Add(size - 1)
	t.inserted.Add(1)
	c := t.write(p, k, server, expires, s)
	t.lower(sh, expires) // after it is seen, for a sweeper that has passed its place
	return c, Inserted
}

func (t *Table) refuse(size int64) (Conn, Outcome) {
	t.used.Add(-size)
	t.refused.Add(1)
	return Conn{}, Full
}

// vacancy finds the first free place from h on; for IPv6, the first two side by
// side.
func (t *Table) vacancy(h Home, pair bool) (place, bool) {
	at := h.start
	for range min(maxProbe, t.perShard) {
		b := &t.buckets[at]
		for i := range uint32(bucketPlaces) {
			if b.isFree(i) && (!pair || i+1 < bucketPlaces && b.isFree(i+1)) {
				return newPlace(at, i), true
			}
		}
		at = t.next(h.first, at)
	}
	return 0, false
}

// write fills a place, and its pair for IPv6, and makes it visible last.
func (t *Table) write(p place, k *Key, server uint32, expires Time, s State) Conn {
	b, i := &t.buckets[p.bucket()], p.index()
	version := b.claim(i)
	b.set(i, k.peer, k.where&whereKeyMask|uint64(server))
	if k.is6() {
		b.setLife(i+1, newLife(0, b.claim(i+1), statePair))
		b.set(i+1, k.hi, k.lo)
	}
	l := newLife(expires, version, s)
	b.setLife(i, l)
	return Conn{Server: server, place: p, life: l}
}

// Delete removes a looked-up connection; false if it has left the table since.
// h is Home(k).
func (t *Table) Delete(k *Key, h Home, c *Conn) bool {
	sh := &t.shards[h.first/t.perShard]
	sh.Lock()
	defer sh.Unlock()
	l := t.buckets[c.place.bucket()].lifeOf(c.place.index())
	if l.version() != c.life.version() || !l.isConnection() {
		return false
	}
	t.remove(c.place, k, h, sh, t.Now())
	return true
}

// remove frees the place of a key, with the shard's lock held.
func (t *Table) remove(p place, k *Key, h Home, sh *shard, now Time) {
	b, i := &t.buckets[p.bucket()], p.index()
	l := b.lifeOf(i)
	for !atomic.CompareAndSwapUint32(&b.life[i], uint32(l), uint32(newLife(0, l, StateFree))) {
		l = b.lifeOf(i) // Advance was faster: the hook must see the last state
	}
	size := int64(1)
	if k.is6() {
		b.setLife(i+1, newLife(0, b.lifeOf(i+1), StateFree))
		size = 2
	}
	for at := h.start; at != p.bucket(); at = t.next(h.first, at) {
		t.buckets[at].addOverflow(-1)
	}
	t.used.Add(-size)
	t.v6.Add(1 - size)
	sh.live.Add(-1)
	t.onRemove(Connection{
		Key: *k, Server: uint32(b.whereOf(i)), State: l.state(), Expires: now + Time(l.remaining(now)),
	})
}
