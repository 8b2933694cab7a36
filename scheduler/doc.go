// Package scheduler chooses a real server for a new connection.
//
// It owns the algorithms, under the names and with the flags that ipvsadm
// knows. Given the same servers, weights and connections, each picks the server
// that the Linux kernel's IPVS (net/netfilter/ipvs) picks, bit for bit where it
// hashes: clients keep their server when a cluster moves from one to the other.
// Recordings of a running IPVS in testdata hold that.
//
// It does not own the servers, their counters and weights, nor connections:
// package service does.
//
// Each algorithm is one file and one line in the registry:
//
//	rr    O(1) when all servers are usable, O(n) at worst; atomic cursor
//	wrr   O(n), one or two passes over weights in one array; a short mutex
//	lc    O(n), reads every server's live counters
//	wlc   O(n), likewise
//	sed   O(n), likewise
//	nq    O(n), likewise; ends at the first idle server
//	fo    O(n), reads every server's live weight
//	ovf   O(n), reads every server's live counters
//	twos  O(n), two passes over live weights; counters of two servers
//	sh    O(1); with sh-fallback at most 257 probes of its table
//	dh    O(1)
//	mh    O(1); with mh-fallback, when the server is unusable, one hash a probe
//	      until a usable one is hit, 1 in the mean over the share of usable
//	      servers, behind a look for any usable one, O(n) at worst
//	lblc  O(1) for a remembered destination, O(n) while its server has more
//	      active connections than its weight, and for a new one, as wlc
//	lblcr O(s) for a remembered destination with s servers in its set (1 for
//	      most), else as lblc
//
// Peek costs what Pick does; for twos, two passes that read every server's live
// counters.
//
// lblc and lblcr remember at most 16,384 destinations, each for a day after it
// was asked for, or as long as SetExpiry says, in 1,024 buckets with a lock each.
// A lock is held for a walk along one chain, 16 entries in a full cache, never for
// a search among the servers. What is remembered is allocated as destinations come
// and as a set grows; a full cache allocates nothing for new destinations.
//
// Update is O(n) for all but mh, whose table of 4093 places is filled anew
// in O(n + M log M), 0.2 ms for 1,000 servers. Pick never waits for that: sh, dh,
// mh, lblc and lblcr publish what is finished and never changes, outside of locks.
// BenchmarkPickDuringUpdate shows it.
package scheduler
