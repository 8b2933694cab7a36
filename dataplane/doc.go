// Package dataplane is the forward path: frames in, frames out.
//
// A [Plane] is what all workers share: the connection table, the present
// service table, and the moment until which the grace after a start lasts. A
// [Worker] is one OS thread with its own links. It takes frames in batches and
// gives each a [Verdict]; forward.go is the list of steps. For every worker
// the frames received are the sum over its verdicts.
//
// A frame is forwarded unchanged from the network header on: only the
// destination MAC becomes the real server's and the source MAC the egress
// interface's. Replies that a VIP owes its clients though no host owns it
// (ICMP echo, RST, unreachable) are made here too, in reply.go.
//
// Nothing on the way of a frame allocates, takes a lock that another worker
// can hold for long, or writes a log line. Slow work belongs elsewhere: the
// package knows no clocks but the connection table's, no ARP and no health
// checks.
package dataplane
