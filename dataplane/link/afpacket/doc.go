// Package afpacket moves frames through AF_PACKET sockets (packet(7),
// linux/if_packet.h): a [Receiver] lends them out of a memory-mapped ring that
// it shares with the kernel, a [Sender] hands them back with sendmmsg, straight
// from there. It owns sockets, rings, and the filter in front of them. It does
// not own what a frame means, who its receiver is, or when to open a handle
// again after its interface is gone.
//
// # What comes up
//
// The socket is bound to ETH_P_ALL: taps of one protocol sit behind an ingress
// drop, this one before it, so that a guard may silence the host's own kernel.
// A classic BPF filter keeps IPv4 and IPv6 frames to the given MAC addresses;
// ARP, broadcast, and what this host sends stay away. The filter is attached
// last: until then the socket refuses everything, so that a worker that joins
// its fanout group sees no frame of another one.
//
// PACKET_VNET_HDR, on both sides, passes on the checksums and segments still
// to be done. Without it, veth, bridges and virtual machines deliver frames
// that no server accepts. The kernel takes the outermost VLAN tag out of a
// frame; it is beside it in [link.Frame], and [Sender] puts it back.
//
// # Choices
//
// Measured in Go by the benchmarks of this package (BenchmarkLANRoundTrip,
// BenchmarkLANForward): Linux 6.18, veth, two cores of an AMD EPYC that other
// builds used at the same time, medians of five short interleaved runs. The
// absolute figures drift by half; the ratios hold better, and differences below
// a tenth say nothing.
//
// TPACKET_V2, not V3. V3 hands over a block when it is full or 1 ms old. Round
// trips, p50 in µs:
//
//	                back to back   one a millisecond
//	V2, block            15               39
//	V2, adaptive         19               39
//	V2, spin              6                8
//	V3                  999              488
//
// V3 costs 0.84 times the CPU a frame of V2 under saturation, where frames lie
// close together.
//
// The adaptive nap. A worker that sleeps in poll is woken for every few frames
// under load. One that found at least 4 frames since the ring last ran dry
// sleeps for 200 µs instead: CPU a frame is 0.77 times that of poll alone, and
// a lone frame still wakes the worker at once.
//
// Waiting goes through Go's scheduler (entersyscall), so that it never delays
// a garbage collection; the round trips above include that. What is short does not:
// a nap, which would wake another thread up each time, for nothing; the first 100 µs
// of waiting behind a frame, which saves 5 µs when the next one comes within them; and
// a short sendmmsg, 0.9 times the CPU for a single frame, no less for 64.
//
// Slots of 1,984 bytes and a copy for what is longer. 1,984 is an odd number of
// cache lines; 2,048 measured the same here. A ring for super-frames would need
// 64 KiB a slot, 256 MiB in all; PACKET_COPY_THRESH queues those on the socket
// instead, in order, and only they pay for a second copy: 1.5 times the CPU
// for a 9,000-byte frame. On a jumbo-frame network, set SlotSize above the MTU.
// A burst of more than 16 MiB of them comes up cut, and marked so.
//
// sendmmsg in batches of 64. CPU a frame against that: 1.34 for one by one,
// 1.01 for 8, 0.93 for 256, which holds frames back for longer.
//
// Fanout by flow hash, without defragmentation and rollover: either would take
// a frame away from its flow's worker.
//
// Past the queueing discipline (PACKET_QDISC_BYPASS): no lock and no second
// look by the host's own packet taps, and so none by a capture. A full queue is
// ENOBUFS either way: the frame is lost, counted, and the next one tried.
package afpacket
