package conntable

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"lvsdr/internal/offheap"
)

// filled returns a mapped table holding n connections, and their keys in
// random order.
func filled(b *testing.B, n int, key func(int) Key, capacity int) (*Table, []Key) {
	b.Helper()
	t, err := New(Options{Capacity: capacity})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { t.Close() })
	keys := make([]Key, n)
	for i := range keys {
		keys[i] = key(i)
		if _, o := insert(t, keys[i], uint32(i), StateEstablished); o != Inserted {
			b.Fatalf("connection %d: outcome %d", i, o)
		}
	}
	rand.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return t, keys
}

var sizes = []int{1_000, 100_000, 1_000_000, 10_000_000}

func sizeName(n int) string { return fmt.Sprintf("%dk", n/1000) }

// BenchmarkHit looks connections up one by one.
func BenchmarkHit(b *testing.B) {
	for _, n := range sizes {
		b.Run("ipv4/"+sizeName(n), func(b *testing.B) { hit(b, n, n, key4, 1) })
	}
	b.Run("ipv6/1000k", func(b *testing.B) { hit(b, 1_000_000, 2_000_000, key6, 1) })
}

// BenchmarkHitBatch hashes and prefetches 64 keys before it looks them up, as
// a worker does with a batch of frames.
func BenchmarkHitBatch(b *testing.B) {
	for _, n := range sizes {
		b.Run("ipv4/"+sizeName(n), func(b *testing.B) { hit(b, n, n, key4, 64) })
	}
	b.Run("ipv6/1000k", func(b *testing.B) { hit(b, 1_000_000, 2_000_000, key6, 64) })
}

func hit(b *testing.B, n, capacity int, key func(int) Key, batch int) {
	t, keys := filled(b, n, key, max(capacity, MinCapacity))
	now := t.Now()
	homes := make([]Home, batch)
	b.ReportAllocs()
	b.ResetTimer()
	at := 0
	for done := 0; done < b.N; done += batch {
		if at += batch; at+batch > n {
			at = 0
		}
		some := keys[at : at+batch]
		for i := range some {
			homes[i] = t.Home(&some[i])
			if batch > 1 {
				t.Prefetch(homes[i])
			}
		}
		for i := range some {
			if _, ok := t.Lookup(&some[i], homes[i], now); !ok {
				b.Fatal("a known connection was not found")
			}
		}
	}
}

// BenchmarkMiss looks up connections that do not exist.
func BenchmarkMiss(b *testing.B) {
	t, keys := filled(b, 1_000_000, key4, 1_000_000)
	for i := range keys {
		keys[i] = key4(1_000_000 + i)
	}
	now := t.Now()
	b.ResetTimer()
	for i := range b.N {
		k := &keys[i%len(keys)]
		if _, ok := t.Lookup(k, t.Home(k), now); ok {
			b.Fatal("an unknown connection was found")
		}
	}
}

// BenchmarkAdvance is what an established connection's packet costs beside the
// lookup: its timer moves on once a tick.
func BenchmarkAdvance(b *testing.B) {
	t, keys := filled(b, 1_000_000, key4, 1_000_000)
	now := t.Now()
	b.ResetTimer()
	for i := range b.N {
		k := &keys[i%len(keys)]
		c, _ := t.Lookup(k, t.Home(k), now)
		t.Advance(&c, EventAck, ipvs, now)
	}
}

// BenchmarkInsert adds and deletes connections beside a million others.
func BenchmarkInsert(b *testing.B) {
	t, _ := filled(b, 900_000, key4, 1_000_000)
	now := t.Now()
	b.ResetTimer()
	for i := range b.N {
		k := key4(1_000_000 + i%1_000_000)
		h := t.Home(&k)
		c, _ := t.Insert(&k, h, 1, StateSynRecv, ipvs[StateSynRecv], now)
		t.Delete(&k, h, &c)
	}
}

// BenchmarkSweep passes over a million connections of which none is due.
func BenchmarkSweep(b *testing.B) {
	t, _ := filled(b, 1_000_000, key4, 1_000_000)
	b.ResetTimer()
	for range b.N {
		for i := range t.shards {
			t.sweepShard(uint32(i), t.Now())
		}
	}
}

// BenchmarkMemory is what the machine's memory takes for the same amount of
// data as a million connections: a chain of dependent loads, and independent
// ones. Lookups are judged by their ratio to these.
func BenchmarkMemory(b *testing.B) {
	const lines = 48_000_000 / 64
	var memory offheap.Memory
	words, err := offheap.Make[bucket](&memory, lines)
	if err != nil {
		b.Fatal(err)
	}
	defer memory.Free()
	order := rand.Perm(lines)
	for i, line := range order {
		words[line].peer[0] = uint64(order[(i+1)%lines])
	}
	b.Run("chase", func(b *testing.B) {
		at := uint64(0)
		for range b.N {
			at = words[at].peer[0]
		}
		sink = at
	})
	b.Run("independent", func(b *testing.B) {
		sum := uint64(0)
		for i := range b.N {
			sum += words[order[i%lines]].peer[0]
		}
		sink = sum
	})
}

var sink uint64
