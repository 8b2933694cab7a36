//go:build linux

package afpacket

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is struct mmsghdr of sendmmsg(2).
type message struct {
	header unix.Msghdr
	sent   uint32
}

// queue is the batch of messages that one sendmmsg takes, one buffer each. It
// holds the buffers by typed pointers: the garbage collector sees them, and
// the compiler puts what they point at on the heap, where nothing moves.
type queue struct {
	messages []message
	buffers  []unix.Iovec
	n        int
	bytes    int
}

// shortSend is how many bytes are sent without telling Go's scheduler, which
// makes a single frame 0.9 times as costly. The kernel takes about 100 µs for
// them, 64 frames of 1514 bytes: as long may it hold up a garbage collection.
const shortSend = 128 << 10

func newQueue(batch int) *queue {
	q := &queue{messages: make([]message, batch), buffers: make([]unix.Iovec, batch)}
	for i := range q.messages {
		q.messages[i].header.Iov = &q.buffers[i]
		q.messages[i].header.SetIovlen(1)
	}
	return q
}

func (q *queue) full() bool { return q.n == len(q.buffers) }

// add queues b, which is not empty.
func (q *queue) add(b []byte) {
	v := &q.buffers[q.n]
	v.Base = &b[0]
	v.SetLen(len(b))
	q.n++
	q.bytes += len(b)
}

// send hands the messages from the first one on to the kernel and returns how
// many it took: at least one, or an error about the first.
func (q *queue) send(fd, first int) (int, unix.Errno) {
	var n uintptr
	var errno unix.Errno
	if q.bytes <= shortSend {
		n, _, errno = unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&q.messages[first])), uintptr(q.n-first), unix.MSG_DONTWAIT, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&q.messages[first])), uintptr(q.n-first), unix.MSG_DONTWAIT, 0, 0)
	}
	runtime.KeepAlive(q)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// clear empties the queue and lets go of the buffers: a ring that is unmapped
// later must not be pointed into.
func (q *queue) clear() {
	for i := range q.buffers[:q.n] {
		q.buffers[i].Base = nil
	}
	q.n, q.bytes = 0, 0
}
