// Package footprint says what this process holds of the machine's memory, part by
// part, and keeps it there: memory that is known when the director starts is
// memory that no traffic can ask for later.
//
// What was set aside outside the Go heap is known to its owners (package
// offheap). The rest cannot be computed: what the program and the Go runtime take
// is measured, once everything has been opened ([Footprint.Settle]).
//
// # The program
//
// All of its file is made resident, some 20 MiB. The kernel would else read its
// pages when code first runs: the first scrape, the first ICMP error, each from a
// disk that may be slow, and each a little more memory. They are clean pages of a
// file: a kernel that is short of memory may take them away again.
//
// # The collector
//
// Forwarding allocates nothing, so what is garbage comes from health checks,
// status and changes, and moves the resident size between what is live and what
// the heap grows to before a collection. The room for garbage is therefore a share
// of the whole, 2 %. Spans that each processor keeps of each size of object, and
// what lies unused in them, come on top: [Footprint.Settle] makes garbage of all
// sizes and measures that. Half of both is declared, so the process is as much
// below as above.
//
// More collections are the price. The room is never made less than a third of
// what the collector looks through, which is three times its usual work, and never
// more than the usual, as much as that.
//
// There is no memory limit (debug.SetMemoryLimit): it knows only the heap, and at
// the limit the collector runs without a pause, on the processors that forward.
// Whoever sets GOGC decides instead.
package footprint
