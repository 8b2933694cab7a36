// Package offheap sets memory aside outside the Go heap, as a [Memory] of flat
// slices: the collector never scans it, its size never moves when the next
// collection comes, and it is known to the byte.
//
// All of it is resident from the start. Pages that the kernel has to find while
// frames come cost each of them microseconds, and a machine that is short of
// memory is better found out before the first frame.
package offheap
