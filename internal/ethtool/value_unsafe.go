//go:build linux

// Package ethtool asks and sets what an interface has as one number (ethtool(8),
// linux/ethtool.h).
package ethtool

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// request is struct ethtool_value of linux/ethtool.h.
type request struct {
	command uint32
	data    uint32
}

// ifreqData is struct ifreq of linux/if.h with the pointer of its union.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// Value makes one SIOCETHTOOL call on any socket of the interface's network namespace,
// and returns the number that comes back. Errors: EINVAL for a name that is too long,
// else the system's, such as ENODEV.
func Value(fd int, name string, command, value uint32) (uint32, error) {
	asked := &request{command: command, data: value}
	ifreq := &ifreqData{data: unsafe.Pointer(asked)}
	if len(name) >= len(ifreq.name) {
		return 0, unix.EINVAL
	}
	copy(ifreq.name[:], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(ifreq)))
	runtime.KeepAlive(asked)
	if errno != 0 {
		return 0, errno
	}
	return asked.data, nil
}
