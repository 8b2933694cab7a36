//go:build linux

package afpacket

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

// blockRing receives from a TPACKET_V3 ring, which hands over blocks of frames
// instead of frames: the way that was not taken, to compare with. It is as
// short as a benchmark allows.
type blockRing struct {
	link.Receiver // for the methods that a benchmark does not call
	fd            int
	mem           []byte
	block         int
	left          int // frames of the current block not yet lent
	at            int // the next of them
}

// Geometry and offsets of struct tpacket_block_desc and struct tpacket3_hdr.
const (
	v3Block, v3Blocks = 1 << 17, 64

	v3Status, v3Frames, v3First     = 8, 12, 16
	v3Next, v3Snaplen, v3Len, v3Mac = 0, 12, 16, 24
)

func openBlockRing(t testing.TB, h *host, name string) *blockRing {
	t.Helper()
	r := &blockRing{}
	h.do(func() {
		fd, index, err := newSocket(name, 0)
		h.must(err)
		t.Cleanup(func() { _ = unix.Close(fd) })
		r.fd = fd
		h.must(setOptions(fd,
			option{"", unix.PACKET_VERSION, unix.TPACKET_V3},
			option{"", unix.PACKET_VNET_HDR, 1},
			option{"", unix.PACKET_IGNORE_OUTGOING, 1}))
		h.must(unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
			Block_size: v3Block, Block_nr: v3Blocks, Frame_size: 2048, Frame_nr: v3Block / 2048 * v3Blocks,
			Retire_blk_tov: 1, // ms: the shortest that there is
		}))
		r.mem, err = unix.Mmap(fd, 0, v3Block*v3Blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		h.must(err)
		t.Cleanup(func() { _ = unix.Munmap(r.mem) })
		_, err = bind(fd, index, unix.ETH_P_ALL)
		h.must(err)
	})
	return r
}

func (r *blockRing) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&r.mem[r.block*v3Block+v3Status]))
}

// Receive lends frames of one block; the block goes back when none is left.
func (r *blockRing) Receive(batch []link.Frame) (int, error) {
	base := r.block * v3Block
	if r.left == 0 && r.at != 0 {
		atomic.StoreUint32(r.status(), unix.TP_STATUS_KERNEL)
		r.block, r.at = (r.block+1)%v3Blocks, 0
		base = r.block * v3Block
	}
	if r.at == 0 {
		if atomic.LoadUint32(r.status())&unix.TP_STATUS_USER == 0 {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}, 10)
			return 0, nil
		}
		r.left = int(r.u32(base + v3Frames))
		r.at = base + int(r.u32(base+v3First))
	}
	n := min(len(batch), r.left)
	for i := range n {
		start := r.at + int(binary.NativeEndian.Uint16(r.mem[r.at+v3Mac:]))
		end := start + int(r.u32(r.at+v3Snaplen))
		batch[i] = link.Frame{Raw: r.mem[start-link.Headroom : end], WireLen: int(r.u32(r.at + v3Len))}
		r.at += int(r.u32(r.at + v3Next))
	}
	r.left -= n
	return n, nil
}

func (r *blockRing) u32(off int) uint32 { return binary.NativeEndian.Uint32(r.mem[off:]) }

// Interrupt does nothing: Receive never sleeps longer than 10 ms.
func (r *blockRing) Interrupt() {}
