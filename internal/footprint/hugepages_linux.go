package footprint

import "golang.org/x/sys/unix"

// exceptAdvised is PR_THP_DISABLE_EXCEPT_ADVISED (linux/prctl.h, Linux 6.18).
const exceptAdvised = 1 << 1

// keepSmallPages has the kernel make huge pages only where they were asked for, as
// package offheap does. Where it is set to make them everywhere
// (transparent_hugepage/enabled), it would do so behind the back of the Go heap:
// what the collector gave back would be resident again, 2 MiB at a time. An older
// kernel cannot tell the two apart. Programs that the director starts inherit it.
func keepSmallPages() {
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, exceptAdvised, 0, 0)
}
