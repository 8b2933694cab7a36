package fragment

import (
	"sync"

	"lvsdr/dataplane/link"
)

// cellBytes is what a cell takes: seven cache lines. Four of them hold a frame of
// 1514 bytes.
const cellBytes = 448

// cell is a piece of the room for copies. A frame longer than one takes several,
// wherever they are, so that the room is used up to the last.
type cell struct {
	next uint32 // of the same copy, or of the one behind it, or among the free; 0: none

	// Of the first cell of a copy:
	length    uint32 // of the frame with its headroom
	wireLen   uint32
	tci, tpid uint16

	data [cellData]byte
}

const cellData = cellBytes - 16

// cellsOf is how many cells a frame of so many bytes takes.
func cellsOf(length int) uint32 { return uint32(max(1, (length+cellData-1)/cellData)) }

// sizeOf is what a copy of f takes.
func sizeOf(f *link.Frame) int64 { return int64(cellsOf(len(f.Raw))) * cellBytes }

// copies are those that wait in one datagram, in the order in which they came:
// one chain of cells. The zero value is none.
type copies struct {
	first, last uint32 // cells
	cells       uint32
	count       uint32
}

// room is the memory for copies that all shards share. A cell is known by its
// number; 0 means none.
type room struct {
	cells []cell // the first is not used

	mu   sync.Mutex // the last that is taken
	free uint32     // first of the free cells
	left uint32     // how many they are
}

// init makes all cells free.
func (r *room) init(cells []cell) {
	r.cells = cells
	if len(cells) < 2 {
		return
	}
	r.free, r.left = 1, uint32(len(cells)-1)
	for i := range cells[1:r.left] {
		cells[1+i].next = uint32(2 + i)
	}
}

// size is how many cells there are.
func (r *room) size() uint32 { return uint32(max(len(r.cells), 1) - 1) }

// used is how many bytes copies take.
func (r *room) used() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(r.size()-r.left) * cellBytes
}

// take reports whether n cells were left, n > 0; they are a copy's then.
func (r *room) take(n uint32) (c copies, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left < n {
		return copies{}, false
	}
	c = copies{first: r.free, last: r.free, cells: n, count: 1}
	for range n - 1 {
		c.last = r.cells[c.last].next
	}
	r.free = r.cells[c.last].next
	r.left -= n
	r.cells[c.last].next = 0
	return c, true
}

// giveBack frees the cells of some copies.
func (r *room) giveBack(c copies) {
	if c.cells == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cells[c.last].next = r.free
	r.free = c.first
	r.left += c.cells
}

// join puts one copy behind others.
func (r *room) join(c, behind copies) copies {
	if c.count == 0 {
		return behind
	}
	r.cells[c.last].next = behind.first
	return copies{c.first, behind.last, c.cells + behind.cells, c.count + behind.count}
}

// fill copies a frame into the cells that were taken for it.
func (r *room) fill(c copies, f *link.Frame) {
	head := &r.cells[c.first]
	head.length, head.wireLen, head.tci, head.tpid = uint32(len(f.Raw)), uint32(f.WireLen), f.TCI, f.TPID
	rest := f.Raw
	for i := c.first; i != 0; i = r.cells[i].next {
		rest = rest[copy(r.cells[i].data[:], rest):]
	}
}
