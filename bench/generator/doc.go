// Package generator sends frames out of an interface as fast as the kernel
// lets them go, or at a given rate: the load of a benchmark.
//
// [Traffic] says which frames: UDP or TCP over IPv4, to one address and port,
// of a number of flows, each with complete checksums. [Open] returns the
// fastest [Generator] that the kernel has for an interface:
//
//   - live frames: an XDP program that the kernel runs over and over
//     (BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18,
//     Documentation/bpf/bpf_prog_run.rst) writes each frame and sends it with
//     bpf_redirect. The pace is kept in the program, since each call into the
//     kernel takes 20 ms to begin.
//   - AF_PACKET: sendmmsg in batches, past the queueing discipline (packet(7)).
//
// Both walk through the flows in the same order and count in the same way. The
// package knows nothing of who receives.
package generator
