package conntable

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"lvsdr/internal/offheap"
)

// Limits of a table's capacity, in connections.
const (
	MinCapacity = 1024
	MaxCapacity = 100_000_000
)

// connectionBytes is the memory for one IPv4 connection at a table's capacity:
// four ninths of the places are taken then.
const connectionBytes = 48

const (
	maxShards = 256
	// shardBuckets is how many buckets a shard should at least have, so that
	// chance does not fill one shard long before the others.
	shardBuckets = 2048
	// maxProbe is how many buckets an insertion looks at before it gives up.
	// With IPv4 alone, runs of full buckets are a few long; with IPv6 alone,
	// which has two thirds of the buckets full, some are longer than 100.
	maxProbe = 512
)

// Options of a table.
type Options struct {
	// Capacity is the number of IPv4 connections, MinCapacity..MaxCapacity;
	// an IPv6 connection counts as two.
	Capacity int
	// Heap puts the table on the Go heap, for race tests: see offheap.Memory.
	Heap bool
	// OnRemove is told of each connection that leaves the table, with its last
	// state: from the sweeper's goroutine, or that of Delete or of an Insert
	// that found its key expired. It may hold a shard's lock: it must be quick
	// and must not call the table.
	OnRemove func(c Connection)
	// Now is the clock, for tests; nil: the monotonic clock since New.
	Now func() time.Duration
	// Secret of the hash; 0: a random one.
	Secret uint64
}

// Table is a connection table. Make it with New. All methods but Close may be
// called from any goroutine.
type Table struct {
	buckets  []bucket
	memory   offheap.Memory // of the buckets
	shards   []shard
	perShard uint32 // buckets
	shift    uint8  // of a hash, to its shard

	capacity int64
	used     atomic.Int64 // places
	wide     atomic.Int64 // keys that take two
	counts   counts
	quotas   [classCount]atomic.Int64
	refused  atomic.Uint64

	overdue []place // templates; the sweeper's

	secret   [2]uint64
	onRemove func(Connection)
	now      func() time.Duration
}

// shard is a run of buckets with one lock. Padded to its own cache lines.
type shard struct {
	sync.Mutex
	live atomic.Int32  // connections
	due  atomic.Uint32 // Time at or before which the first of them may expire
	_    [48]byte
}

// New allocates a table.
// Errors: a capacity out of bounds, or the kernel's refusal of the memory.
func New(o Options) (*Table, error) {
	if o.Capacity < MinCapacity || o.Capacity > MaxCapacity {
		return nil, fmt.Errorf("new connection table: capacity %d is not within %d..%d", o.Capacity, MinCapacity, MaxCapacity)
	}
	buckets := (o.Capacity*connectionBytes + bucketBytes - 1) / bucketBytes
	shards, shift := 1, 64
	for shards < maxShards && buckets/(shards*2) >= shardBuckets {
		shards, shift = shards*2, shift-1
	}
	perShard := (buckets + shards - 1) / shards
	t := &Table{
		shards:   make([]shard, shards),
		perShard: uint32(perShard),
		shift:    uint8(shift),
		capacity: int64(o.Capacity),
		secret:   [2]uint64{o.Secret, ^o.Secret},
		onRemove: o.OnRemove,
		now:      o.Now,
	}
	t.memory.Heap = o.Heap
	var err error
	if t.buckets, err = offheap.Make[bucket](&t.memory, shards*perShard); err != nil {
		return nil, fmt.Errorf("new connection table: %w", err)
	}
	t.fillIn()
	t.SetQuotas(100, 100)
	return t, nil
}

func (t *Table) fillIn() {
	if t.secret[0] == 0 {
		var b [16]byte
		rand.Read(b[:]) // never returns an error
		t.secret = [2]uint64{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
	}
	if t.onRemove == nil {
		t.onRemove = func(Connection) {}
	}
	if t.now == nil {
		start := time.Now()
		t.now = func() time.Duration { return time.Since(start) }
	}
}

// Close frees the table's memory. No other method may run then or later.
func (t *Table) Close() error {
	t.buckets = nil
	return t.memory.Free()
}

// Stats says how full a table is.
type Stats struct {
	Capacity    int    // places that connections may take
	Used        int    // places taken
	Connections int    // IPv4 and IPv6
	IPv6        int    // of them
	HalfOpen    int    // of them: TCP and SCTP, not established yet; and templates of such
	UDP         int    // of them
	HalfOpenUse int    // places that the half-open ones take
	UDPUse      int    // and the UDP ones
	Templates   int    // of persistent services
	Bytes       int    // of memory, fixed
	Inserted    uint64 // connections since New
	Refused     uint64 // connections that found no place
}

// Stats returns the present fill.
func (t *Table) Stats() Stats {
	used, templates := int(t.used.Load()), int(t.counts.templates.Load())
	return Stats{
		Capacity: int(t.capacity), Used: used, Connections: used - int(t.wide.Load()) - templates,
		IPv6: int(t.counts.v6.Load()), Templates: templates,
		HalfOpen: int(t.counts.classes[classHalfOpen].Load()), UDP: int(t.counts.classes[classUDP].Load()),
		HalfOpenUse: int(t.counts.places[classHalfOpen].Load()), UDPUse: int(t.counts.places[classUDP].Load()),
		Bytes: len(t.buckets) * bucketBytes, Inserted: t.counts.inserted.Load(), Refused: t.refused.Load(),
	}
}

// next returns the bucket behind b in the shard that starts at first.
func (t *Table) next(first, b uint32) uint32 {
	if b++; b == first+t.perShard {
		return first
	}
	return b
}
