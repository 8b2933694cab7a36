//go:build linux

package afxdp

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is one of the rings that a socket shares with the kernel: entries of type
// E, and two counters that only go up. One side publishes, the other takes.
type ring[E any] struct {
	mem                []byte
	producer, consumer *uint32
	entries            []E
}

// mapRing maps the ring with the given number of entries, a power of two. The
// page is one of the XDP_PGOFF offsets (linux/if_xdp.h).
func mapRing[E any](fd int, page int64, at unix.XDPRingOffset, entries int) (*ring[E], error) {
	var e E
	mem, err := unix.Mmap(fd, page, int(at.Desc)+entries*int(unsafe.Sizeof(e)),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map ring: %w", err)
	}
	return &ring[E]{
		mem:      mem,
		producer: (*uint32)(unsafe.Pointer(&mem[at.Producer])),
		consumer: (*uint32)(unsafe.Pointer(&mem[at.Consumer])),
		entries:  unsafe.Slice((*E)(unsafe.Pointer(&mem[at.Desc])), entries),
	}, nil
}

// at is the entry with the given count.
func (r *ring[E]) at(count uint32) *E { return &r.entries[count&uint32(len(r.entries)-1)] }

// published is how many entries the producer has handed over since the start.
func (r *ring[E]) published() uint32 { return atomic.LoadUint32(r.producer) }

// taken is how many of them the consumer is done with.
func (r *ring[E]) taken() uint32 { return atomic.LoadUint32(r.consumer) }

func (r *ring[E]) publish(count uint32) { atomic.StoreUint32(r.producer, count) }
func (r *ring[E]) take(count uint32)    { atomic.StoreUint32(r.consumer, count) }

func (r *ring[E]) close() error {
	if r == nil {
		return nil
	}
	mem := r.mem
	*r = ring[E]{}
	return unix.Munmap(mem)
}

// register gives a socket the region that frames are sent from (XDP_UMEM_REG), with
// metadataLen bytes before each of them to say something about it.
func register(fd int, region []byte) error {
	reg := unix.XDPUmemReg{
		Addr: uint64(uintptr(unsafe.Pointer(&region[0]))),
		Len:  uint64(len(region)),
		Size: chunkSize,

		Flags: unix.XDP_UMEM_TX_METADATA_LEN, Tx_metadata_len: metadataLen,
	}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG,
		uintptr(unsafe.Pointer(&reg)), unsafe.Sizeof(reg), 0)
	if errno != 0 {
		return fmt.Errorf("XDP_UMEM_REG: %w", errno)
	}
	return nil
}

// offsets says where the parts of a socket's rings are (XDP_MMAP_OFFSETS).
func offsets(fd int) (at unix.XDPMmapOffsets, err error) {
	size := uint32(unsafe.Sizeof(at))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_MMAP_OFFSETS,
		uintptr(unsafe.Pointer(&at)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return at, fmt.Errorf("XDP_MMAP_OFFSETS: %w", errno)
	}
	return at, nil
}
