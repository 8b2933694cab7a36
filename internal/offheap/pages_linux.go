package offheap

import (
	"errors"

	"golang.org/x/sys/unix"
)

// mapPages maps zeroed memory and has the kernel find pages for all of it. It
// asks for huge ones: what is looked up at random misses the TLB besides the
// cache with pages of 4 KiB, and a page that is 512 times as large is found in a
// fraction of the time that the 512 take.
func mapPages(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a kernel without huge pages says no
	if err := populate(b); err != nil {
		return nil, errors.Join(err, unmap(b))
	}
	return b, nil
}

// populate makes all pages resident. Linux 5.14 does it in one call and says
// when it has no memory; before, they are touched.
func populate(b []byte) error {
	err := unix.Madvise(b, unix.MADV_POPULATE_WRITE)
	switch {
	case errors.Is(err, unix.EINVAL):
		clear(b)
		return nil
	case errors.Is(err, unix.EFAULT):
		return unix.ENOMEM // of a hardware fault, or a limit on the way
	}
	return err
}

func unmap(b []byte) error { return unix.Munmap(b) }
