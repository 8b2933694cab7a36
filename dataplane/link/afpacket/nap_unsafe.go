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
