// Package fragment says which way the fragments of an IP datagram go, without
// putting the datagram together.
//
// Only the first fragment has the transport header, so only it can be directed.
// A [Table] remembers what was decided about it, a number that means something
// to the caller alone; later fragments of the datagram follow it. One that comes
// before the first is copied and waits. Every fragment leaves as it came, so a
// real server gets every byte, and reassembles.
//
// One Table serves all workers: the fragments of a datagram may arrive at
// different ones. It knows no clock, no service and no server, and sends
// nothing.
//
// # Which fragments belong together
//
// RFC 791 (IPv4): those with the same source, destination, protocol and
// identification. RFC 8200, 4.5 (IPv6): the same without the protocol; a later
// fragment may name another next header than the first. VLANs make no
// difference, as they make none for connections: routers that hash ports send
// first fragments another way than later ones.
//
// A datagram lives for 5 seconds from the first fragment that was seen of it,
// whichever that is, or until all its bytes have passed: then its place is free
// at once, and traffic that loses nothing needs next to none.
//
// # What is refused
//
// A fragment whose bytes have all passed already is a duplicate and dropped; its
// datagram lives on. One that overlaps others in part, or contradicts where they
// say that the datagram ends, is never an accident: it is dropped and so is all
// that follows of its datagram (RFC 5722; RFC 8200, 4.5 has it the same way,
// duplicates too). Linux does this to IPv4 as well. A later IPv4 fragment without
// a whole unit of 8 bytes is dropped. First fragments that are too small, and
// later ones that reach back into the TCP header (RFC 1858, 3128), package frame
// refuses before.
//
// The bytes that have passed are known as at most 16 runs, which is what the
// fragments of 64 KiB in random order need at 1500 bytes each. A fragment that
// would make one run more is dropped, and so is one that would be the 129th to
// wait for the first of its datagram: 64 KiB over the smallest MTU that hosts
// use, 576 bytes, are 119.
//
// # A first fragment begins a new datagram
//
// A busy client uses an identification again in less than 5 seconds: there are
// 65,536 between two addresses in IPv4, which 1 Gbit/s uses up in one. So a
// first fragment is never refused. It takes along those that waited, unless they
// overlap it: then they were another datagram's, and are dropped. If its datagram
// already has a first fragment, a new datagram begins: the decision is the new
// one, and no byte has passed. A network that duplicates a first fragment gets it
// directed again by the same connection; the later ones follow it as before, and
// the server drops what it has. Where each packet is scheduled by itself, the
// second of the two may go to another server, and the datagram may be lost.
//
// Of a datagram that has lost its first fragment, later ones that wait may be
// taken for those of the next with the same identification, whose own are then
// duplicates. Transport checksums are there for that (RFC 4963); the kernel waits
// for 30 seconds, with the same effect.
//
// # What an attacker can do
//
// Memory is fixed, whatever comes: places for 65,536 datagrams, and 16 MiB for
// waiting copies, in cells of 448 bytes. All of it is set aside at the start,
// outside the Go heap, and nothing is allocated later. Where a fragment goes in
// the table depends on a secret.
//
// When there is no place left, the oldest give way, not the newest: a flood
// shortens the time for which a datagram is remembered, at a million fragments a
// second to 65 ms, and locks nobody out, since the fragments of a real one come
// within a few. Datagrams of which no first fragment was seen, which are the
// cheapest to make up, go first, and never push out another kind:
//
//   - A flood of later fragments fills the places of such datagrams only. Who
//     comes in order does not notice.
//   - A flood of first fragments, each of which the caller has directed or
//     refused like any packet of a new connection, pushes out those that wait
//     and then the oldest of its own kind.
//   - A flood of copies pushes out copies. For one that comes at most 16
//     datagrams are pushed out; if that does not make room, it is refused.
//   - Somebody who guesses addresses and identification can spoil a datagram, as
//     he can at any host: by a fragment that overlaps, or by one that comes
//     before the true one, of which he need not even see the first.
//
// # Cost
//
// A table is divided into 64 shards with one lock each, held for as long as it
// takes to find a datagram and note a piece, and to push out 16 others at most. A
// copy is made outside of the lock; its cells come from a room that all shards
// share, and the copies of a datagram go back to it in one step, however many they
// are.
//
// On a virtual machine with two cores of an AMD EPYC, beside 50,000 datagrams that
// are not complete: a later fragment takes 80 ns (BenchmarkFollow), a datagram of
// two fragments 140 ns, and 250 ns if the later one comes first (BenchmarkDatagram).
// A later fragment that pushes out another takes 350 ns (BenchmarkFlood).
package fragment
