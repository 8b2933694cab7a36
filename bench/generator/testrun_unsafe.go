//go:build linux

package generator

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// liveFrames is BPF_F_TEST_XDP_LIVE_FRAMES of linux/bpf.h.
const liveFrames = 1 << 1

// testRun is the part of union bpf_attr (linux/bpf.h) that BPF_PROG_TEST_RUN uses.
type testRun struct {
	program          uint32
	result           uint32
	dataSize         uint32
	dataSizeOut      uint32
	data             unsafe.Pointer
	dataOut          unsafe.Pointer
	repeat, duration uint32
	contextSize      uint32
	contextSizeOut   uint32
	context          unsafe.Pointer
	contextOut       unsafe.Pointer
	flags            uint32
	cpu              uint32
	batch            uint32
	_                uint32
}

// runLive has the kernel run an XDP program on copies of a frame until a signal
// comes, which is EINTR, or repeat times. The library's own call goes on after a
// signal, so that nothing could end it.
func runLive(program int, frame []byte, repeat uint32) unix.Errno {
	attr := testRun{
		program: uint32(program), data: unsafe.Pointer(&frame[0]), dataSize: uint32(len(frame)),
		repeat: repeat, flags: liveFrames, batch: batch,
	}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(frame)
	return errno
}
