package afpacket

import (
	"fmt"
	"log/slog"
)

// Poll says how [Receiver.Receive] waits on an empty ring.
type Poll string

// The ways to wait; the package comment has their round trips.
const (
	// PollAdaptive sleeps in poll(2), but naps for 200 µs instead while the
	// ring keeps filling, so that load does not cost a wake-up a frame.
	PollAdaptive Poll = "adaptive"
	// PollBlock sleeps in poll(2) whenever the ring is empty.
	PollBlock Poll = "block"
	// PollSpin never sleeps: the worker takes a whole core.
	PollSpin Poll = "spin"
)

// Sizes where a configuration leaves them 0.
const (
	// DefaultSlots is the length of the ring: 8 MiB of slots, some 4 ms at
	// 1 Mpps, more than a Go program's longest pause.
	DefaultSlots = 4096
	// DefaultSlotSize holds a frame of 1514 bytes and everything before it. It
	// is an odd number of cache lines: at a power of two the status words of
	// all slots would share a few sets of the cache.
	DefaultSlotSize = 31 * 64
	// DefaultBatch is how many frames one sendmmsg takes.
	DefaultBatch = 64
)

// ReceiverConfig says what [OpenReceiver] opens. It is read once.
type ReceiverConfig struct {
	// Interface is looked up in the network namespace of the calling thread.
	// If Index is given, it decides, and Interface is only named in errors.
	Interface string
	Index     int
	// MACs are the Ethernet destinations to take frames for; default: the
	// interface's own address. Those that the interface does not own are
	// added to its unicast or multicast filter while the Receiver is open.
	MACs [][6]byte
	// Promiscuous turns the interface's own filter off. It is needed only
	// where a driver cannot filter further unicast addresses and does not say
	// so; one that says so is made promiscuous by itself.
	Promiscuous bool
	// Poll is how to wait for frames; default: PollAdaptive.
	Poll Poll
	// Workers is how many Receivers share the interface's flows; each of them
	// is opened with the same Workers and FanoutGroup. 0 and 1: this one takes
	// them all.
	Workers int
	// FanoutGroup is the number by which they find each other, unique in the
	// network namespace; default: made of the process id and the interface's
	// index. Fragments of a datagram may come up at another worker than the
	// rest of their flow: the kernel spreads them by address alone.
	FanoutGroup uint16
	// Slots is how many frames the ring holds; default: DefaultSlots.
	Slots int
	// SlotSize is the bytes of one slot, a multiple of 16; default:
	// DefaultSlotSize. Longer frames take a second copy, through the socket's
	// queue.
	SlotSize int
	// Log takes what an operator should know but need not act on; default:
	// nowhere.
	Log *slog.Logger
}

// SenderConfig says what [OpenSender] opens. It is read once.
type SenderConfig struct {
	// Interface is looked up in the network namespace of the calling thread.
	// If Index is given, it decides, and Interface is only named in errors.
	Interface string
	Index     int
	// Batch is how many frames are queued before they are flushed; default:
	// DefaultBatch, at most 1024.
	Batch int
	// Qdisc sends through the interface's queueing discipline, so that shaping
	// and packet captures on this host see the frames. Default: past it.
	Qdisc bool
}

func (c *ReceiverConfig) complete() error {
	if c.Poll == "" {
		c.Poll = PollAdaptive
	}
	if c.Slots == 0 {
		c.Slots = DefaultSlots
	}
	if c.SlotSize == 0 {
		c.SlotSize = DefaultSlotSize
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch c.Poll {
	case PollAdaptive, PollBlock, PollSpin:
	default:
		return fmt.Errorf("poll %q: want %s, %s or %s", c.Poll, PollAdaptive, PollBlock, PollSpin)
	}
	if len(c.MACs) > maxMACs {
		return fmt.Errorf("%d MAC addresses: want at most %d", len(c.MACs), maxMACs)
	}
	if c.Slots < 2 || c.Slots > 1<<20 {
		return fmt.Errorf("%d slots: want 2 to %d", c.Slots, 1<<20)
	}
	if c.SlotSize < minSlotSize || c.SlotSize > maxSlotSize || c.SlotSize%slotAlign != 0 {
		return fmt.Errorf("slots of %d bytes: want %d to %d in steps of %d",
			c.SlotSize, minSlotSize, maxSlotSize, slotAlign)
	}
	return nil
}

func (c *SenderConfig) complete() error {
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	if c.Batch < 1 || c.Batch > maxBatch {
		return fmt.Errorf("batches of %d frames: want 1 to %d", c.Batch, maxBatch)
	}
	return nil
}
