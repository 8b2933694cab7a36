package conntable

import "sync/atomic"

// Outcome says what Insert did.
type Outcome uint8

// The outcomes of Insert.
const (
	Inserted Outcome = iota
	Existed          // another worker was faster: its connection is returned
	Full             // no place, or the quota is used up: nothing was changed
)

// Controlled is added to the server that is given to Insert when a template
// sends the connection there.
const Controlled uint32 = controlled

// Insert adds a connection to the server in the given state, to expire after so
// many ticks: the state's timeout, as a rule. h is Home(k). It takes the shard's
// lock and does not allocate.
func (t *Table) Insert(k *Key, h Home, server uint32, s State, lifetime uint32, now Time) (Conn, Outcome) {
	return t.insert(k, h, server, s, now+Time(lifetime), now)
}

func (t *Table) insert(k *Key, h Home, server uint32, s State, expires, now Time) (Conn, Outcome) {
	sh := &t.shards[h.first/t.perShard]
	sh.Lock()
	defer sh.Unlock()

	if c, ok := t.search(k, h); ok {
		if c.life.remaining(now) > 0 || !t.remove(c.place, k, h, sh, now, false) {
			return c, Existed
		}
	}
	size, class := k.size(), k.classOf(s)
	if !t.admit(class, size) {
		t.refused.Add(1)
		return Conn{}, Full
	}
	if t.used.Add(size) > t.capacity {
		return t.refuse(size, class)
	}
	p, ok := t.vacancy(h, k.isWide())
	if !ok {
		return t.refuse(size, class)
	}
	for at := h.start; at != p.bucket(); at = t.next(h.first, at) {
		t.buckets[at].addOverflow(1)
	}
	if sh.live.Add(1) == 1 {
		sh.due.Store(uint32(expires)) // nothing in the shard is seen yet that could be due before
	}
	t.wide.Add(size - 1)
	t.countIn(k)
	c := t.write(p, k, server, expires, s)
	t.lower(sh, expires) // after it is seen, for a sweeper that has passed its place
	return c, Inserted
}

func (t *Table) refuse(size int64, c class) (Conn, Outcome) {
	t.used.Add(-size)
	t.reclass(c, classOther, size)
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
	if k.isWide() {
		b.setLife(i+1, newLife(0, b.claim(i+1), statePair))
		b.set(i+1, k.hi, k.lo)
	}
	l := newLife(expires, version, s)
	b.setLife(i, l)
	return Conn{where: server, place: p, life: l, wide: k.isWide()}
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
	return t.remove(c.place, k, h, sh, t.Now(), true)
}

// remove frees the place of a key, with the shard's lock held. A template that
// controls a connection stays, and false is returned, unless it must go.
func (t *Table) remove(p place, k *Key, h Home, sh *shard, now Time, must bool) bool {
	b, i := &t.buckets[p.bucket()], p.index()
	if k.isWide() && !b.freePair(i+1, must) {
		return false
	}
	l := b.lifeOf(i)
	for !atomic.CompareAndSwapUint32(&b.life[i], uint32(l), uint32(newLife(0, l, StateFree))) {
		l = b.lifeOf(i) // Advance was faster: the hook must see the last state
	}
	for at := h.start; at != p.bucket(); at = t.next(h.first, at) {
		t.buckets[at].addOverflow(-1)
	}
	t.used.Add(-k.size())
	t.wide.Add(1 - k.size())
	t.countOut(k, l.state())
	sh.live.Add(-1)
	t.onRemove(newConnection(k, uint32(b.whereOf(i)), l, now))
	return true
}

// freePair frees the second place of a wide key, unless it counts controlled
// connections and must not go.
func (b *bucket) freePair(i uint32, must bool) bool {
	for {
		l := b.lifeOf(i)
		if l.count() > 0 && !must {
			return false
		}
		if atomic.CompareAndSwapUint32(&b.life[i], uint32(l), uint32(newLife(0, l, StateFree))) {
			return true
		}
	}
}
