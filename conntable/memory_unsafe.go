package conntable

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A bucket is a cache line, or the layout is wrong.
var _ [bucketBytes]byte = [unsafe.Sizeof(bucket{})]byte{}

// mapBuckets maps n zeroed buckets outside the Go heap and asks for huge
// pages: a lookup is one random access, and with pages of 4 KiB it would miss
// the TLB as well. All of it is touched, so that memory is known before the
// first frame.
func mapBuckets(n int) ([]bucket, func() error, error) {
	b, err := unix.Mmap(-1, 0, n*bucketBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, nil, fmt.Errorf("map %d MiB: %w", n*bucketBytes>>20, err)
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a kernel without huge pages says no
	buckets := unsafe.Slice((*bucket)(unsafe.Pointer(unsafe.SliceData(b))), n)
	clear(buckets)
	return buckets, func() error { return unix.Munmap(b) }, nil
}
