//go:build linux

package lab

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolRequest is struct ethtool_value of linux/ethtool.h.
type ethtoolRequest struct {
	command uint32
	data    uint32
}

// ifreqData is struct ifreq of linux/if.h with the pointer of its union.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// ethtoolValue makes one SIOCETHTOOL call and returns the number that comes
// back.
func ethtoolValue(fd int, name string, command, value uint32) (uint32, error) {
	request := &ethtoolRequest{command: command, data: value}
	ifreq := &ifreqData{data: unsafe.Pointer(request)}
	if len(name) >= len(ifreq.name) {
		return 0, unix.EINVAL
	}
	copy(ifreq.name[:], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(ifreq)))
	runtime.KeepAlive(request)
	if errno != 0 {
		return 0, errno
	}
	return request.data, nil
}
