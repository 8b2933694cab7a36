package afpacket

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

func TestConfigIsChecked(t *testing.T) {
	tests := []struct {
		change func(*ReceiverConfig)
		want   string // "": accepted
	}{
		{func(*ReceiverConfig) {}, ""},
		{func(c *ReceiverConfig) { c.Poll = "often" }, `poll "often"`},
		{func(c *ReceiverConfig) { c.Slots = 1 }, "1 slots"},
		{func(c *ReceiverConfig) { c.SlotSize = 100 }, "slots of 100 bytes"},
		{func(c *ReceiverConfig) { c.SlotSize = 2040 }, "slots of 2040 bytes"},
		{func(c *ReceiverConfig) { c.SlotSize = maxSlotSize }, ""},
		{func(c *ReceiverConfig) { c.MACs = make([][6]byte, maxMACs+1) }, "65 MAC addresses"},
	}
	for _, test := range tests {
		c := ReceiverConfig{Interface: "eth0"}
		test.change(&c)
		err := c.complete()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
	for batch, ok := range map[int]bool{0: true, 1: true, maxBatch: true, -1: false, maxBatch + 1: false} {
		c := SenderConfig{Batch: batch}
		if err := c.complete(); (err == nil) != ok {
			t.Errorf("batch %d: %v", batch, err)
		}
	}
}

// TestCursor compares with the kernel's own arithmetic: slot n lies in block
// n / perBlock, and no slot crosses the end of its block.
func TestCursor(t *testing.T) {
	for _, size := range []int{minSlotSize, DefaultSlotSize, 2048, 65_600, maxSlotSize} {
		perBlock, blocks := blockSize/size, 3
		r := &ring{mem: make([]byte, blocks*blockSize), slotSize: size, perBlock: perBlock}
		var c cursor
		for n := range 2*perBlock*blocks + 1 {
			n %= perBlock * blocks
			if want := n/perBlock*blockSize + n%perBlock*size; c.offset != want {
				t.Fatalf("slots of %d bytes: slot %d at %d, want %d", size, n, c.offset, want)
			}
			r.next(&c)
		}
	}
}

// TestRefused: what an errno costs, and that sending always comes to an end.
func TestRefused(t *testing.T) {
	tests := []struct {
		errno unix.Errno
		lost  int
		want  link.SendStats
	}{
		{unix.EINTR, 0, link.SendStats{}},
		{unix.ENOBUFS, 1, link.SendStats{NoSpace: 1}},
		{unix.EAGAIN, 1, link.SendStats{NoSpace: 1}},
		{unix.EMSGSIZE, 1, link.SendStats{TooLong: 1}},
		{unix.ENETDOWN, 5, link.SendStats{Down: 5}},
		{unix.ENXIO, 5, link.SendStats{Down: 5}},
		{unix.ENODEV, 5, link.SendStats{Down: 5}},
		{unix.EINVAL, 1, link.SendStats{Failed: 1}},
	}
	for _, test := range tests {
		var s Sender
		if got := s.refused(test.errno, 5); got != test.lost || s.dropped != test.lost || s.Stats() != test.want {
			t.Errorf("%v: lost %d, stats %+v; want %d, %+v", test.errno, got, s.Stats(), test.lost, test.want)
		}
	}
}
