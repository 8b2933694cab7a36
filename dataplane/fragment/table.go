package fragment

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"time"

	"lvsdr/dataplane/link"
	"lvsdr/internal/offheap"
)

// Defaults of [Options].
const (
	MaxDatagrams    = 65_536
	DefaultBytes    = 16 << 20
	DefaultLifetime = 5 * time.Second
)

const (
	maxShards = 64
	// shardDatagrams is how many places a shard has at least, if there are
	// several: chance must not fill one long before the others.
	shardDatagrams = 1024
)

// Decision is what the caller decided about a first fragment: the number of a
// real server, to drop it, or whatever else. The table only keeps it, for as long
// as the datagram lives; whether it still holds is for the caller to see.
type Decision uint64

// Options of a table.
type Options struct {
	Datagrams int           // places, 1..MaxDatagrams; 0: MaxDatagrams
	Bytes     int           // for copies of waiting fragments; 0: DefaultBytes
	Heap      bool          // on the Go heap, for race tests: see offheap.Memory
	Lifetime  time.Duration // of a datagram that does not become complete; 0: DefaultLifetime
}

// Table knows the datagrams of which some fragments have come and others have
// not. Make it with New. Any goroutine may call its methods.
//
// Times are counted from any moment, the same for all callers. A caller may be
// late by as long as a batch takes.
type Table struct {
	shards   []shard
	shift    uint8 // of a hash, to its shard
	seed     maphash.Seed
	lifetime time.Duration
	room     room
	memory   offheap.Memory // of all that grows with the bounds
}

// New allocates a table. Errors: an option out of bounds, or the kernel's refusal
// of the memory.
func New(o Options) (*Table, error) {
	if o.Datagrams == 0 {
		o.Datagrams = MaxDatagrams
	}
	if o.Bytes == 0 {
		o.Bytes = DefaultBytes
	}
	if o.Lifetime == 0 {
		o.Lifetime = DefaultLifetime
	}
	switch {
	case o.Datagrams < 0 || o.Datagrams > MaxDatagrams:
		return nil, fmt.Errorf("new fragment table: %d datagrams is not within 1..%d", o.Datagrams, MaxDatagrams)
	case o.Bytes < 0:
		return nil, fmt.Errorf("new fragment table: %d bytes is less than 0", o.Bytes)
	case o.Lifetime < 0:
		return nil, fmt.Errorf("new fragment table: lifetime %v is less than 0", o.Lifetime)
	}
	n := 1
	for n < maxShards && o.Datagrams/(n*2) >= shardDatagrams {
		n *= 2
	}
	t := &Table{
		shards:   make([]shard, n),
		shift:    uint8(64 - bits.TrailingZeros(uint(n))),
		seed:     maphash.MakeSeed(),
		lifetime: o.Lifetime,
	}
	t.memory.Heap = o.Heap
	if err := t.allocate(o.Datagrams/n, o.Bytes/cellBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("new fragment table: %w", err), t.Close())
	}
	return t, nil
}

// allocate gives each shard places for n datagrams, and all of them so many
// cells.
func (t *Table) allocate(n, cells int) error {
	shards := len(t.shards)
	places, numbers := n+1, chainsFor(n) // 0 is none
	datagrams, err := offheap.Make[datagram](&t.memory, shards*places)
	if err != nil {
		return err
	}
	chains, err := offheap.Make[int32](&t.memory, shards*numbers)
	if err != nil {
		return err
	}
	rings, err := offheap.Make[links](&t.memory, 2*shards*places)
	if err != nil {
		return err
	}
	room, err := offheap.Make[cell](&t.memory, 1+cells)
	if err != nil {
		return err
	}
	t.room.init(room)
	for i := range t.shards {
		s := &t.shards[i]
		s.room = &t.room
		s.datagrams, datagrams = cut(datagrams, places)
		s.chains, chains = cut(chains, numbers)
		s.ages, rings = cut(rings, places)
		s.early, rings = cut(rings, places)
	}
	return nil
}

// cut takes the first n values off.
func cut[T any](all []T, n int) (part, rest []T) { return all[:n:n], all[n:] }

// Close frees the table's memory. No other method may run then or later, nor any
// of what First returned.
func (t *Table) Close() error { return t.memory.Free() }

// find returns the shard of a key, and the key's hash.
func (t *Table) find(k *Key) (*shard, uint64) {
	hash := maphash.Comparable(t.seed, *k)
	return &t.shards[hash>>t.shift], hash
}

// First notes what was decided about the first fragment of a datagram, and
// returns the fragments that waited for it, in the order in which they came: the
// caller's from now on, to send or drop by that decision.
func (t *Table) First(k *Key, p Piece, d Decision, now time.Duration) Waiting {
	s, hash := t.find(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begin(k, hash, p, d, now, now+t.lifetime)
}

// Follow says what becomes of a later fragment. Passes: the decision about the
// first one is returned. Waits: f was copied, and the caller is done with it; all
// else: it is to be dropped.
func (t *Table) Follow(k *Key, p Piece, f *link.Frame, now time.Duration) (Decision, Outcome) {
	s, hash := t.find(k)
	d, o, c := s.follow(k, hash, p, cellsOf(len(f.Raw)), now)
	if o != Waits {
		return d, o
	}
	t.room.fill(c, f)
	return s.wait(k, hash, p, c, now, now+t.lifetime)
}

// Sweep removes the datagrams that have expired by now, and returns how many. To
// be called about once a second; an expired one has no effect any more, but takes
// a place.
func (t *Table) Sweep(now time.Duration) (removed int) {
	for i := range t.shards {
		removed += t.shards[i].sweep(now)
	}
	return removed
}
