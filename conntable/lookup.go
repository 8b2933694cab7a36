package conntable

import "sync/atomic"

// Conn is a connection that a lookup found: a copy of what decides where its
// packets go, and the reference by which Advance and Delete find it again.
type Conn struct {
	where uint32 // real server, and whether a template controls the connection
	place place
	life  life
	wide  bool // it takes two places
}

func (c *Conn) size() int64 {
	if c.wide {
		return 2
	}
	return 1
}

// Server returns the real server, as given to Insert.
func (c *Conn) Server() uint32 { return c.where & serverBits }

// Controlled reports whether a template sent the connection to its server.
func (c *Conn) Controlled() bool { return c.where&controlled != 0 }

// State returns the connection's state when it was looked up.
func (c *Conn) State() State { return c.life.state() }

// Home is where the search for a key starts. A worker computes it once,
// prefetches, and looks up a batch later.
type Home struct {
	first uint32 // bucket of the shard
	start uint32 // bucket of the key
}

// Home returns where the search for the key starts.
func (t *Table) Home(k *Key) Home {
	hash := k.hash(&t.secret)
	first := uint32(hash>>t.shift) * t.perShard
	return Home{first, first + uint32(uint64(uint32(hash))*uint64(t.perShard)>>32)}
}

// Prefetch asks the processor to load the bucket where the search starts.
func (t *Table) Prefetch(h Home) { prefetch(&t.buckets[h.start].peer[0]) }

// Lookup finds a connection that has not expired by now. h is Home(k). It
// takes no lock and does not allocate.
func (t *Table) Lookup(k *Key, h Home, now Time) (Conn, bool) {
	b := &t.buckets[h.start]
	// Nineteen of twenty are found here. All of it is inlined and without a
	// branch that memory decides, so that the processor can go on with the next
	// lookup while this one waits.
	not0 := differ(b.peerOf(0)^k.peer, b.whereOf(0)^k.where)
	not1 := differ(b.peerOf(1)^k.peer, b.whereOf(1)^k.where)
	if i := not0 + not0&not1; i < bucketPlaces { // as candidate, which is too long to be inlined
		l, where := b.lifeOf(i), b.whereOf(i)
		if b.peerOf(i) == k.peer && (where^k.where)>>whereKeyShift == 0 && !k.isWide() && l.isConnection() && b.lifeOf(i) == l {
			return Conn{where: uint32(where), place: newPlace(h.start, i), life: l}, l.remaining(now) > 0
		}
	}
	c, ok := t.search(k, h)
	return c, ok && c.life.remaining(now) > 0
}

// candidate returns the only place of the bucket that can hold the key with
// these words: the first that matches, or else the last. It decides without a
// branch: nothing could predict it, and each wrong guess would wait for the
// memory.
func (b *bucket) candidate(peer, where uint64) uint32 {
	not0 := differ(b.peerOf(0)^peer, b.whereOf(0)^where)
	return not0 + not0&differ(b.peerOf(1)^peer, b.whereOf(1)^where)
}

// differ returns 0 if peer is 0 and the key's part of where is 0, else 1.
func differ(peer, where uint64) uint32 {
	peer |= where >> whereKeyShift
	return uint32((peer | -peer) >> 63)
}

// holds reports whether place i, of which l and where were just read, holds
// the key. The version is read again at the end: a place that changed hands
// meanwhile is no match.
func (b *bucket) holds(i uint32, l life, where uint64, k *Key) bool {
	if b.peerOf(i) != k.peer || (where^k.where)>>whereKeyShift != 0 || !l.isConnection() {
		return false
	}
	// A place read while it changes hands may be the last one: mod wraps.
	if j := (i + 1) % bucketPlaces; k.isWide() && (b.peerOf(j) != k.hi || b.whereOf(j) != k.lo) {
		return false
	}
	now := b.lifeOf(i)
	return now == l || now.version() == l.version() && now.isConnection()
}

// search looks for the key from h on, through the run of buckets that were
// passed over.
func (t *Table) search(k *Key, h Home) (Conn, bool) {
	at := h.start
	for range maxProbe {
		b := &t.buckets[at]
		i := b.candidate(k.peer, k.where)
		if l, where := b.lifeOf(i), b.whereOf(i); b.holds(i, l, where, k) {
			return Conn{where: uint32(where), place: newPlace(at, i), life: l, wide: k.isWide()}, true
		}
		if b.overflow() == 0 {
			break
		}
		at = t.next(h.first, at)
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
			if next.remaining(now) < l.remaining(now) {
				t.lower(t.shardOf(c.place), now+Time(timeouts[to]))
			}
			if a, b := classes[from], classes[to]; a != b {
				t.reclass(a, b, c.size())
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

// Find copies the connection or template of a key, however little of its time
// is left, and tells how many connections a template controls. It changes
// nothing.
func (t *Table) Find(k *Key, now Time) (c Connection, controlled int, ok bool) {
	found, ok := t.search(k, t.Home(k))
	if !ok {
		return Connection{}, 0, false
	}
	if k.IsTemplate() {
		controlled = t.Controlled(&found)
	}
	return newConnection(k, found.where, found.life, now), controlled, true
}

// HasRoom reports whether Insert would find the quota and a place for the key.
func (t *Table) HasRoom(k *Key, s State) bool {
	c := k.classOf(s)
	return t.used.Load()+k.size() <= t.capacity &&
		(c == classOther || t.counts.places[c].Load()+k.size() <= t.quotas[c].Load())
}
