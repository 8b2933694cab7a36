// Package latency measures round trips through a director, beside everything else
// that an operator could put in its place: a UDP datagram from a client to the VIP,
// by the peer to a real server, and its answer the way that answers go, directly or
// back through the peer.
//
// What is not the peer is as short as it can be. The real server answers in its
// driver: an XDP program ([Echo]) that sends each of the client's datagrams back.
// The client's thread has a processor for itself and does not sleep while it waits;
// and the moment of an answer is that at which the client's kernel had it
// (SO_TIMESTAMPNS, Documentation/networking/timestamping.rst), so the client's own
// waking is in no figure.
//
// Datagrams go one after the other, or one at each tick: then a round trip counts
// from the tick, also when the client was late ([schedule]). Load comes from the
// generator of bench/generator, at a share of what the peer carries, to the same
// VIP; the servers count it and drop it.
package latency
