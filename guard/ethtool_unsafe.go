//go:build linux

package guard

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethFlagLRO is ETH_FLAG_LRO of linux/ethtool.h.
const ethFlagLRO = 1 << 15

// ethtoolFlags returns an interface's flags as ETHTOOL_GFLAGS tells them.
func ethtoolFlags(name string) (uint32, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	request := &struct{ command, data uint32 }{command: unix.ETHTOOL_GFLAGS} // struct ethtool_value
	ifreq := &struct {                                                       // struct ifreq of linux/if.h
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte
	}{data: unsafe.Pointer(request)}
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
