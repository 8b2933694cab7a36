// Package wire measures how many frames a second a director forwards, beside
// everything else that an operator could put in its place.
//
// Each [Peer] has a host of its own between the same generator and the same sink,
// on two links of the same shape:
//
//	 generator            peer's host           servers
//	┌───────────┐       ┌─────────────┐       ┌───────────┐
//	│       g0  ├───────┤ in0    out0 ├───────┤ s0   BPF  │
//	│       g1  ├───────┤ in1    out1 ├───────┤ s1   BPF  │
//	└───────────┘ veth  └─────────────┘ veth  └───────────┘
//
// All are there for the whole run, and carry frames one after the other, round by
// round: figures of a shared machine drift by the hour. The generator has the
// first processor for itself, the peer the last, receiving in the kernel
// included: a kernel thread polls the peer's interface (threaded NAPI), so that
// its time can be measured. Replies of real servers do not pass a director that
// routes directly, so frames go one way only.
//
// A peer that this machine does not have is skipped with the reason. Everything
// is gone when a [Site] is closed, or when the process ends in another way.
package wire
