//go:build linux

package afpacket

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// header views the start of the slot at c. Its fields may be read once status
// has said that the slot is ours; the status itself only by status.
func (r *ring) header(c cursor) *unix.Tpacket2Hdr {
	return (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.mem[c.offset]))
}

// status reads the word by which the kernel hands the slot over.
func (r *ring) status(c cursor) uint32 { return atomic.LoadUint32(&r.header(c).Status) }

// giveBack hands the slot to the kernel.
func (r *ring) giveBack(c cursor) {
	atomic.StoreUint32(&r.header(c).Status, unix.TP_STATUS_KERNEL)
}
