package scheduler

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// The kernel's limits, and its default for the expiry. It lets a cache grow past
// the greatest number of entries for a minute, and keeps an expired one for up to
// half an hour; here both are strict.
const (
	destinationBits   = 10
	destinationMax    = 16 << destinationBits
	destinationExpiry = 24 * time.Hour

	// evictionSample is how many buckets an eviction compares.
	evictionSample = 8
)

// destinations remembers for each destination address what an algorithm chose
// for it: at most destinationMax addresses, each until it was not asked for
// during the expiry. A full cache forgets, of a sample, the address that was not
// asked for longest.
//
// All methods may be called from any goroutine. Each holds the lock of one
// bucket at a time, for a walk along its chain: 16 entries in a full cache. It
// allocates while the cache grows; a full one passes its entries on.
type destinations[V any] struct {
	now     func() time.Duration // since any moment
	expires atomic.Int64         // the expiry in nanoseconds
	entries atomic.Int32
	rover   atomic.Uint32 // the bucket where the next eviction begins
	buckets [1 << destinationBits]bucket[V]
}

// bucket is a chain, the entry asked for last first.
type bucket[V any] struct {
	mu    sync.Mutex
	first *destination[V]
}

// destination is the entry of one address.
type destination[V any] struct {
	addr  netip.Addr
	asked time.Duration
	next  *destination[V]
	value V
}

func newDestinations[V any]() *destinations[V] {
	start := time.Now()
	d := &destinations[V]{now: func() time.Duration { return time.Since(start) }}
	d.setExpiry(destinationExpiry)
	return d
}

func (d *destinations[V]) expiry() time.Duration { return time.Duration(d.expires.Load()) }

// setExpiry takes the default for 0 and less. It holds for what is remembered
// already.
func (d *destinations[V]) setExpiry(after time.Duration) {
	if after <= 0 {
		after = destinationExpiry
	}
	d.expires.Store(int64(after))
}

func (d *destinations[V]) bucket(addr netip.Addr) *bucket[V] {
	return &d.buckets[hash32(fold(addr), destinationBits)]
}

// get returns what is remembered for an address, and the time.
func (d *destinations[V]) get(addr netip.Addr) (value V, now time.Duration, ok bool) {
	now = d.now()
	b := d.bucket(addr)
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := d.find(b, addr, now); e != nil {
		return e.value, now, true
	}
	return value, now, false
}

// peek is get without a trace: the address does not count as asked for, and what
// has expired stays for others to forget.
func (d *destinations[V]) peek(addr netip.Addr) (value V, ok bool) {
	now, expiry := d.now(), d.expiry()
	b := d.bucket(addr)
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := b.first; e != nil && now-e.asked < expiry; e = e.next {
		if e.addr == addr {
			return e.value, true
		}
	}
	return value, false
}

// update lets change have the value of an address, a zero one if nothing is
// remembered. change runs under the bucket's lock.
func (d *destinations[V]) update(addr netip.Addr, change func(value *V, now time.Duration)) {
	now := d.now()
	b := d.bucket(addr)
	if d.change(b, addr, now, change) {
		return
	}
	spare := d.spare() // takes other buckets' locks
	b.mu.Lock()
	defer b.mu.Unlock()
	e := d.find(b, addr, now)
	if e == nil {
		// Others may have filled the cache since; then the address goes
		// unremembered this time.
		if d.entries.Add(1) > destinationMax {
			d.entries.Add(-1)
			return
		}
		if e = spare; e == nil {
			e = new(destination[V])
		}
		*e = destination[V]{addr: addr, asked: now, next: b.first}
		b.first = e
	}
	change(&e.value, now)
}

// change is update for an address that is remembered; it reports whether it is.
func (d *destinations[V]) change(b *bucket[V], addr netip.Addr, now time.Duration, change func(*V, time.Duration)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := d.find(b, addr, now)
	if e == nil {
		return false
	}
	change(&e.value, now)
	return true
}

// find returns the entry of an address, as asked for now, and forgets those
// that it passes and that have expired.
func (d *destinations[V]) find(b *bucket[V], addr netip.Addr, now time.Duration) *destination[V] {
	expiry := d.expiry()
	for at := &b.first; *at != nil; at = &(*at).next {
		e := *at
		if now-e.asked >= expiry {
			d.cut(at) // what follows is older still
			return nil
		}
		if e.addr == addr {
			e.asked = now
			*at = e.next // before b.first is read: e may be the first
			e.next, b.first = b.first, e
			return e
		}
	}
	return nil
}

// cut forgets the rest of a chain.
func (d *destinations[V]) cut(at **destination[V]) {
	for e := *at; e != nil; e = e.next {
		d.entries.Add(-1)
	}
	*at = nil
}

// spare takes an entry out of a full cache; nil if there is room.
func (d *destinations[V]) spare() *destination[V] {
	if d.entries.Load() < destinationMax {
		return nil
	}
	var oldest *bucket[V]
	var asked time.Duration
	compared := 0
	for i := 0; i < len(d.buckets) && compared < evictionSample; i++ {
		b := &d.buckets[d.rover.Add(1)%uint32(len(d.buckets))]
		last, ok := b.leastAsked()
		if !ok {
			continue
		}
		compared++
		if oldest == nil || last < asked {
			oldest, asked = b, last
		}
	}
	if oldest == nil {
		return nil
	}
	e := oldest.takeLast()
	if e != nil {
		d.entries.Add(-1)
	}
	return e
}

// leastAsked returns when the bucket's last entry was asked for.
func (b *bucket[V]) leastAsked() (asked time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := b.first; e != nil; e = e.next {
		asked, ok = e.asked, true
	}
	return asked, ok
}

// takeLast removes the bucket's last entry; nil if there is none.
func (b *bucket[V]) takeLast() *destination[V] {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := &b.first
	for *at != nil && (*at).next != nil {
		at = &(*at).next
	}
	e := *at
	*at = nil
	return e
}
