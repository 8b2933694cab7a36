package afpacket

import (
	"lvsdr/dataplane/link"
	"lvsdr/internal/offheap"
)

const (
	// maxCopies is how many long frames one Receive lends at most.
	maxCopies = 32
	// copyQueue is the room for long frames that wait in the socket's queue:
	// some 200 super-frames of 64 KiB with what the kernel counts on top. More
	// in one burst come up cut.
	copyQueue = 16 << 20
)

// copies are the buffers for frames longer than a slot.
type copies struct {
	buffers [][]byte
	lent    int
	memory  offheap.Memory
}

// init sets the buffers aside in one piece.
func (c *copies) init() error {
	const size = link.Headroom + link.MaxFrame
	mem, err := offheap.Make[byte](&c.memory, maxCopies*size)
	if err != nil {
		return err
	}
	c.buffers = make([][]byte, maxCopies)
	for i := range c.buffers {
		c.buffers[i] = mem[i*size : (i+1)*size : (i+1)*size]
	}
	return nil
}

// next returns a buffer that is not lent, or nil.
func (c *copies) next() []byte {
	if c.lent == len(c.buffers) {
		return nil
	}
	return c.buffers[c.lent]
}

func (c *copies) release() { c.lent = 0 }

func (c *copies) close() error {
	c.buffers = nil
	return c.memory.Free()
}
