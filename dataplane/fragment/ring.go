package fragment

// ring is a list of datagrams by number, doubly linked. Number 0 stands for the
// list itself. The zero value of each element is right.
type ring []links

type links struct{ before, after int32 }

// first returns the datagram that was added first; 0: none.
func (r ring) first() int32 { return r[0].after }

// add appends i, which is not in the list.
func (r ring) add(i int32) {
	last := r[0].before
	r[i] = links{before: last}
	r[last].after = i
	r[0].before = i
}

// remove takes i out, which is in the list.
func (r ring) remove(i int32) {
	l := r[i]
	r[l.before].after = l.after
	r[l.after].before = l.before
}
