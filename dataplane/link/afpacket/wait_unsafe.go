//go:build linux

package afpacket

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// napRequest is how long a nap is. It is only read.
var napRequest = unix.Timespec{Nsec: napTime}

// nap sleeps without telling Go's scheduler, which would hand the worker's P to
// another thread each time, and wake that up for nothing. So long may it hold up a
// garbage collection.
func nap() {
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&napRequest)), 0, 0)
}

// glance is a poll(2) of glanceTime without telling Go's scheduler, for frames that
// follow each other: to take back a P that was handed on costs several microseconds.
func glance(set *[2]unix.PollFd) (int, unix.Errno) {
	left := unix.Timespec{Nsec: glanceTime} // which the kernel writes to
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(set)), uintptr(len(set)),
		uintptr(unsafe.Pointer(&left)), 0, 0, 0)
	return int(n), errno
}
