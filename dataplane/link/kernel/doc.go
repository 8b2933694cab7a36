// Package kernel puts together what a worker on a real machine moves frames with:
// an AF_PACKET ring to receive, AF_XDP or sendmmsg to send, and a thread that is
// preferred to what fills the ring. The director uses it, and the benchmarks that
// compare it with the least that can be done with the same means.
package kernel
