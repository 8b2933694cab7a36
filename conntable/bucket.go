package conntable

import "sync/atomic"

// bucket is one cache line: three places, and how many connections passed it
// over because it was full. All of it is touched only through sync/atomic.
type bucket struct {
	peer  [bucketPlaces]uint64 // client IPv4 address | client port | service port
	where [bucketPlaces]uint64 // VIP index (16) | protocol (8) | kind (8) | controlled (1) | real server (31)
	life  [bucketPlaces]uint32 // expiry (20) | version (7) | state (5)
	side  uint32               // spare (16) | overflow (16)
}

const (
	bucketPlaces = 3
	bucketBytes  = 64
)

// life is the word of a place that changes while it holds a connection. The
// version changes whenever the place is taken, so a compare-and-swap on the
// word fails once the place belongs to another connection.
type life uint32

const (
	stateBits, versionBits, expiryBits = 5, 7, 20

	stateMask   = 1<<stateBits - 1
	versionMask = (1<<versionBits - 1) << stateBits
	expiryShift = stateBits + versionBits
)

func newLife(expires Time, version life, s State) life {
	return life(expires)<<expiryShift | version&versionMask | life(s)
}

func (l life) state() State { return State(l & stateMask) }

// version returns the version's bits in their place.
func (l life) version() life { return l & versionMask }

// remaining returns how many ticks are left; <= 0: expired. The expiry has
// only its low bits here, so it must be less than 2^19 ticks away from now.
func (l life) remaining(now Time) int32 {
	return int32((uint32(l)>>expiryShift-uint32(now))<<expiryShift) >> expiryShift
}

// isConnection reports whether the place holds a connection, and is not free
// and not the second half of one.
func (l life) isConnection() bool { return l.state()-1 < StateCount-1 }

// count returns what the second place of a template has instead of an expiry:
// how many connections the template controls.
func (l life) count() uint32 { return uint32(l) >> expiryShift }

// place names a place by its bucket and its number there.
type place uint32

func newPlace(bucket, i uint32) place { return place(bucket<<2 | i) }

func (p place) bucket() uint32 { return uint32(p) >> 2 }
func (p place) index() uint32  { return uint32(p) & 3 }

// word returns the place's life word.
func (t *Table) word(p place) *uint32 { return &t.buckets[p.bucket()].life[p.index()] }

// pair returns the life word of the second place of a wide key.
func (t *Table) pair(p place) *uint32 { return &t.buckets[p.bucket()].life[p.index()+1] }

func (b *bucket) lifeOf(i uint32) life     { return life(atomic.LoadUint32(&b.life[i])) }
func (b *bucket) setLife(i uint32, l life) { atomic.StoreUint32(&b.life[i], uint32(l)) }
func (b *bucket) isFree(i uint32) bool     { return b.lifeOf(i).state() == StateFree }
func (b *bucket) peerOf(i uint32) uint64   { return atomic.LoadUint64(&b.peer[i]) }
func (b *bucket) whereOf(i uint32) uint64  { return atomic.LoadUint64(&b.where[i]) }
func (b *bucket) set(i uint32, p, wh uint64) {
	atomic.StoreUint64(&b.peer[i], p)
	atomic.StoreUint64(&b.where[i], wh)
}

// claim takes a free place for the time of writing it: its version is the new
// connection's from now on, and readers still see it free.
func (b *bucket) claim(i uint32) (version life) {
	version = (b.lifeOf(i) + 1<<stateBits).version()
	b.setLife(i, newLife(0, version, StateFree))
	return version
}

func (b *bucket) overflow() uint16 { return uint16(atomic.LoadUint32(&b.side)) }

// addOverflow is called with the shard's lock held.
func (b *bucket) addOverflow(n int) {
	v := atomic.LoadUint32(&b.side)
	atomic.StoreUint32(&b.side, v&^0xffff|uint32(uint16(int(uint16(v))+n)))
}
