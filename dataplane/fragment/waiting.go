package fragment

import "lvsdr/dataplane/link"

// maxWaiting is how many fragments of one datagram may wait: see the package
// comment. It also bounds what one first fragment sends off at once.
const maxWaiting = 128

// Waiting are copies of fragments that came before the first one of their
// datagram, in the order in which they came. They are whole, with headroom,
// offload header and VLAN tag, so that they can be parsed, rewritten and sent like
// frames that have just come. The zero value is none. All of them must be taken
// out, or dropped: until then they take room in the table.
type Waiting struct {
	copies
	room *room
}

// Len is how many there are.
func (w *Waiting) Len() int { return int(w.count) }

// Size is how many bytes the next one has with its headroom; 0: there is none.
func (w *Waiting) Size() int {
	if w.count == 0 {
		return 0
	}
	return int(w.room.cells[w.first].length)
}

// Next takes the next one out of the list and the table, into raw, which has
// room for Size bytes.
func (w *Waiting) Next(raw []byte) link.Frame {
	head := &w.room.cells[w.first]
	f := link.Frame{Raw: raw[:head.length], TCI: head.tci, TPID: head.tpid, WireLen: int(head.wireLen)}
	taken := copies{first: w.first, cells: cellsOf(len(f.Raw)), count: 1}
	for rest := f.Raw; ; {
		c := &w.room.cells[w.first]
		rest = rest[copy(rest, c.data[:]):]
		taken.last, w.first = w.first, c.next
		if len(rest) == 0 {
			break
		}
	}
	w.cells -= taken.cells
	w.count--
	w.room.giveBack(taken)
	return f
}

// Drop frees those that are left.
func (w *Waiting) Drop() {
	if w.count > 0 {
		w.room.giveBack(w.copies)
		w.copies = copies{}
	}
}
