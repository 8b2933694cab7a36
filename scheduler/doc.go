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
//	rr   O(1) when all servers are usable, O(n) at worst; atomic cursor
//	wrr  O(n), one or two passes over weights in one array; a short mutex
//	wlc  O(n), reads every server's live counters
//	sh   O(1); with sh-fallback at most 257 probes of its table
//	mh   O(1); with mh-fallback one hash a probe until a usable server is hit,
//	     1 in the mean over the share of usable servers
//
// Update is O(n) for all but mh, whose table of 4093 places is filled anew
// in O(n + M log M). Pick never waits for that: sh and mh publish finished,
// immutable tables.
package scheduler
