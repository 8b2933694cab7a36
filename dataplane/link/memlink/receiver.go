package memlink

import "lvsdr/dataplane/link"

// Receiver lends the frames that were injected into a [Wire]. It implements
// [link.Receiver].
type Receiver struct {
	wire *Wire

	// The rest is guarded by the wire's lock.
	queue  []link.Frame // a ring; each slot keeps its memory
	head   int          // the oldest frame in it, lent or not
	used   int          // frames in it
	lent   int          // of them
	loop   []Packet
	place  int          // in loop
	looped []link.Frame // memory of the lent frames of the loop

	interrupted, tellDown, gone, closed bool

	stats link.ReceiveStats
}

var _ link.Receiver = (*Receiver)(nil)

func newReceiver(w *Wire, slots int) *Receiver {
	r := &Receiver{wire: w, queue: make([]link.Frame, slots)}
	for i := range r.queue {
		r.queue[i].Raw = make([]byte, link.Headroom)
	}
	return r
}

// Receive lends what was injected. See [link.Receiver].
func (r *Receiver) Receive(batch []link.Frame) (int, error) {
	w := r.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	r.release(r.lent)
	for len(batch) > 0 && !r.closed {
		if n := r.lend(batch); n > 0 {
			return n, nil
		}
		if r.interrupted {
			r.interrupted = false
			return 0, nil
		}
		if err := r.trouble(); err != nil {
			return 0, err
		}
		w.changed.Wait()
	}
	if r.closed {
		return 0, link.ErrClosed
	}
	return 0, nil
}

// trouble is what the interface has to say once the queue is empty.
func (r *Receiver) trouble() error {
	if r.gone {
		return link.ErrGone
	}
	if r.tellDown {
		r.tellDown = false
		return link.ErrDown
	}
	return nil
}

// lend fills batch from the queue, or else from the loop.
func (r *Receiver) lend(batch []link.Frame) int {
	n := min(len(batch), r.used)
	for i := range n {
		batch[i] = r.queue[(r.head+i)%len(r.queue)]
	}
	r.lent = n
	if n == 0 && len(r.loop) > 0 && r.wire.up {
		n = r.lendLoop(batch)
	}
	r.stats.Frames += uint64(n)
	for i := range batch[:n] {
		if batch[i].Truncated() {
			r.stats.Truncated++
		}
	}
	return n
}

func (r *Receiver) lendLoop(batch []link.Frame) int {
	for len(r.looped) < len(batch) {
		r.looped = append(r.looped, link.Frame{Raw: make([]byte, link.Headroom)})
	}
	for i := range batch {
		r.place %= len(r.loop)
		r.loop[r.place].fill(&r.looped[i])
		batch[i] = r.looped[i]
		r.place++
	}
	return len(batch)
}

// enqueue copies p behind the last frame, if there is room.
func (r *Receiver) enqueue(p *Packet) bool {
	if r.used == len(r.queue) {
		r.stats.Dropped++
		return false
	}
	p.fill(&r.queue[(r.head+r.used)%len(r.queue)])
	r.used++
	return true
}

// release takes the oldest n frames out of the queue.
func (r *Receiver) release(n int) {
	r.head = (r.head + n) % len(r.queue)
	r.used -= n
	r.lent = 0
	if r.wire.held -= n; n > 0 && r.wire.held == 0 {
		r.wire.changed.Broadcast()
	}
}

// Interrupt makes the current or the next Receive return. Any goroutine.
func (r *Receiver) Interrupt() {
	r.wire.mu.Lock()
	defer r.wire.mu.Unlock()
	r.interrupted = true
	r.wire.changed.Broadcast()
}

// Stats counts since the Receiver was opened. Any goroutine.
func (r *Receiver) Stats() link.ReceiveStats {
	r.wire.mu.Lock()
	defer r.wire.mu.Unlock()
	return r.stats
}

// Close takes back all frames; those not yet received are lost. The wire's
// other Receivers then share the flows. A second Close does nothing.
func (r *Receiver) Close() error {
	w := r.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	r.release(r.used)
	for i, other := range w.receivers {
		if other == r {
			w.receivers = append(w.receivers[:i:i], w.receivers[i+1:]...)
			break
		}
	}
	w.changed.Broadcast()
	return nil
}
