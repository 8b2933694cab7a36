// Package ipvsadm is ipvsadm 1.31 in front of a director instead of the
// kernel: its grammar, its output column for column, its messages and its exit
// codes, as calls of the director's API.
//
// It owns the translation, both ways: a command line becomes [api.Changes],
// [api.Status] becomes a listing. It does not own what a change does, nor how
// the director is reached: see [Director].
//
// What ipvsadm does is taken from its man page, ipvsadm(8), and from ipvsadm
// 1.31 itself, whose answers to some hundred command lines are recorded in
// testdata. Where this package departs from it:
//
//   - Forwarding is direct routing (-g). -m, -i, --pe and the synchronisation
//     daemon are refused, with what to do instead.
//   - -S also saves thresholds (-x, -y), and the configured weight instead of the
//     one that a failed health check made 0; a mark is saved without a sign. Else
//     -R would not restore what there was.
//   - -R takes lines that begin with # for comments, and names the line that a
//     mistake is in.
//   - A name in brackets is a host with an IPv6 address, as -S prints it.
//   - Counters of servers have 64 bits.
package ipvsadm
