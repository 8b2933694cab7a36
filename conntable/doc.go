// Package conntable is the director's hashed connection table: which real
// server a flow goes to, the flow's state as seen from the client's side, and
// when it expires.
//
// # Layout
//
// The table is one flat region of memory without pointers, allocated once.
// It is divided into shards, and shards into buckets of 64 bytes, one cache
// line, with three places each (see type bucket). An IPv4 connection takes one
// place. An IPv6 connection takes two of one bucket: the second holds the
// client's address, and the first a fold of it.
//
// A table for N connections has 0.75 N buckets. At the load it is sized for an
// IPv4 connection costs 48 bytes and an IPv6 connection 96; N counts places in
// use, so an IPv6 connection counts twice. The load is low on purpose: 19 of
// 20 connections are in the bucket where the search starts, and a lookup is
// one cache miss.
//
// The bucket of a key is xxh64(key, secret): the secret keeps clients, who
// choose addresses and ports, from choosing the bucket. A full bucket is
// passed over for the next of its shard, and counts how many connections it
// was passed over for: a lookup stops at the first bucket whose overflow is 0,
// and no deleted entry leaves a tombstone.
//
// # Concurrency
//
// Lookups take no lock: a place is read, compared, and its version read again.
// Insert, Delete and the sweeper take the shard's lock for as long as one
// bucket run takes. State and timer are one word with the version and move on
// by compare-and-swap, from any goroutine. Every shared word is a uint32 or
// uint64 touched only through sync/atomic.
//
// # Speed
//
// BenchmarkHit, BenchmarkHitBatch and BenchmarkMemory on a virtual machine with
// two cores of an AMD EPYC, medians of five runs. A chase of dependent loads
// over the same memory takes 153 ns there, independent random lines 13 ns each.
//
//	IPv4 hit, ns         1 k     1 M   connections
//	alone                 21     117
//	in batches of 64      17      27
//
// A lookup is some 130 instructions, a third of them the hash, so only two fit
// the processor's reorder buffer: alone, they wait for memory two at a time. In
// batches the prefetches keep it busy. Of the 27 ns, 13 are the line, and about
// 7 the one connection in 20 that lies in the next bucket, which no prefetch
// asked for; a lower load would end that and take more than 48 bytes.
//
// The package does not know services or real servers: VIPs and servers are
// numbers given by the caller, who also counts connections, from what Insert,
// Advance and the OnRemove hook report.
package conntable
