package fragment

import (
	"bytes"
	"sync/atomic"

	"lvsdr/dataplane/link"
)

// maxWaiting is how many fragments of one datagram may wait: see the package
// comment. It also bounds what one first fragment sends off at once.
const maxWaiting = 128

// waitingBytes is what a waiting fragment takes beside its bytes: the Waiting,
// and what the allocator adds to both.
const waitingBytes = 128

// Waiting is the copy of a fragment that came before the first one of its
// datagram: whole, with headroom, offload header and VLAN tag, so that it can be
// parsed, rewritten and sent like a frame that has just come.
type Waiting struct {
	link.Frame
	Next *Waiting // the one that came after it; nil: none

	// Of the first in a list:
	end   *Waiting // the last in the list
	count int      // how many there are
	bytes int64    // what they take
}

func newWaiting(f *link.Frame) *Waiting {
	w := &Waiting{Frame: *f, count: 1, bytes: sizeOf(f)}
	w.Raw = bytes.Clone(f.Raw)
	w.end = w
	return w
}

// sizeOf is what a copy of f takes.
func sizeOf(f *link.Frame) int64 { return int64(len(f.Raw)) + waitingBytes }

// append adds the single copy n behind those of the list w, and returns the
// list. Both may be nil.
func (w *Waiting) append(n *Waiting) *Waiting {
	if w == nil {
		return n
	}
	w.end.Next = n
	w.end = n
	w.count++
	w.bytes += n.bytes
	return w
}

// room is the memory for copies that all shards share.
type room struct {
	size int64
	used atomic.Int64
}

// take reports whether n bytes were left; they are taken then.
func (r *room) take(n int64) bool {
	if r.used.Add(n) <= r.size {
		return true
	}
	r.used.Add(-n)
	return false
}

func (r *room) giveBack(n int64) { r.used.Add(-n) }
