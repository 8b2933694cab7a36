package afpacket

import (
	"fmt"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

// The kernel's layout of a TPACKET_V2 slot with PACKET_VNET_HDR, for Ethernet
// and PACKET_RESERVE 0 (linux/if_packet.h, tpacket_rcv):
//
//	 0  struct tpacket2_hdr        32 bytes
//	32  struct sockaddr_ll         20 bytes
//	52  unused                     14 bytes: where a tag is pushed
//	66  struct virtio_net_hdr      10 bytes
//	76  Ethernet frame             tp_mac points here
//
// That leaves the headroom of a [link.Frame] without reserving more. Reserving
// nothing has a second use: addresses, ports, and TCP flags of an IPv4 packet
// end at byte 124, so a frame is forwarded out of two cache lines.
const (
	slotAlign  = unix.TPACKET_ALIGNMENT
	slotHeader = unix.SizeofTpacket2Hdr + unix.SizeofSockaddrLinklayer
	slotFrame  = 76

	minSlotSize = 256
	maxSlotSize = blockSize
	// blockSize is what the kernel allocates in one piece: large enough that
	// little of it is left behind the last slot, small enough to be found.
	blockSize = 128 << 10
)

// The headroom of a frame must not reach into the slot's own header.
const _ = uint(slotFrame - link.Headroom - slotHeader)

// ring is the receive ring, shared with the kernel. Slots are filled and taken
// back in order.
type ring struct {
	mem      []byte
	slotSize int
	perBlock int
	slots    int
	head     cursor // the next slot that the kernel will fill
	tail     cursor // the oldest lent slot
	lent     int    // slots from tail to head
}

// cursor is a position in the ring that wraps around.
type cursor struct {
	offset  int // of the slot in ring.mem
	inBlock int // slots before it in its block
}

// newRing gives the socket a ring of at least the wanted number of slots,
// rounded up to whole blocks, and maps it.
func newRing(fd, slots, slotSize int) (*ring, error) {
	perBlock := blockSize / slotSize
	blocks := (slots + perBlock - 1) / perBlock
	r := &ring{slotSize: slotSize, perBlock: perBlock, slots: blocks * perBlock}
	req := unix.TpacketReq{
		Block_size: blockSize,
		Block_nr:   uint32(blocks),
		Frame_size: uint32(slotSize),
		Frame_nr:   uint32(r.slots),
	}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, fmt.Errorf("receive ring of %d bytes: %w", blocks*blockSize, err)
	}
	mem, err := unix.Mmap(fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map receive ring: %w", err)
	}
	r.mem = mem
	return r, nil
}

// next moves c to the following slot.
func (r *ring) next(c *cursor) {
	c.offset += r.slotSize
	if c.inBlock++; c.inBlock < r.perBlock {
		return
	}
	c.inBlock = 0
	c.offset += blockSize - r.perBlock*r.slotSize
	if c.offset >= len(r.mem) {
		c.offset = 0
	}
}

// ready reports whether the slot at the head holds a frame. While every slot
// is lent, it does not: the head then is the oldest lent one.
func (r *ring) ready() bool {
	return r.status(r.head)&unix.TP_STATUS_USER != 0 && r.lent < r.slots
}

// lend moves the head behind its slot.
func (r *ring) lend() {
	r.next(&r.head)
	r.lent++
}

// release gives all lent slots back to the kernel.
func (r *ring) release() {
	for ; r.lent > 0; r.lent-- {
		r.giveBack(r.tail)
		r.next(&r.tail)
	}
}

func (r *ring) close() error {
	mem := r.mem
	r.mem = nil
	return unix.Munmap(mem)
}
