package memlink

import (
	"context"
	"fmt"
	"sync"

	"lvsdr/dataplane/link"
)

// Config says what [New] makes; the zero value is a wire that a test can use.
type Config struct {
	// Queue is how many frames wait for one Receiver at most; default: 1024.
	Queue int
	// MTU refuses frames whose payload behind the Ethernet header is longer,
	// unless they are GSO frames; default: no limit.
	MTU int
	// Steer chooses among n Receivers the one that gets the frame; default:
	// by a hash of IP addresses and ports, as PACKET_FANOUT_HASH does.
	Steer func(data []byte, n int) int
}

// Wire is one interface and the far end of its cable. Its methods may be
// called from any goroutine.
type Wire struct {
	config Config

	mu         sync.Mutex
	changed    sync.Cond // anything below has changed
	up         bool
	exists     bool
	generation int // of the interface: handles of an older one are dead
	receivers  []*Receiver
	loop       []Packet
	sent       []Packet // not yet taken by the far end
	count      uint64   // of all frames sent
	discard    bool
	refuse     int // frames still to be refused; negative: all
	held       int // injected, and not yet given back
}

// New returns a wire whose interface exists and is up.
func New(c Config) *Wire {
	if c.Queue <= 0 {
		c.Queue = 1024
	}
	if c.Steer == nil {
		c.Steer = steerByFlow
	}
	w := &Wire{config: c, up: true, exists: true}
	w.changed.L = &w.mu
	return w
}

// OpenReceiver returns a Receiver of the interface; if several are open, they
// share its flows. It fails with link.ErrGone while the interface is deleted.
func (w *Wire) OpenReceiver() (*Receiver, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.exists {
		return nil, fmt.Errorf("open memlink: %w", link.ErrGone)
	}
	r := newReceiver(w, w.config.Queue)
	r.tellDown, r.loop = !w.up, w.loop
	w.receivers = append(w.receivers, r)
	return r, nil
}

// OpenSender returns a Sender out of the interface. It fails with link.ErrGone
// while the interface is deleted.
func (w *Wire) OpenSender() (*Sender, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.exists {
		return nil, fmt.Errorf("open memlink: %w", link.ErrGone)
	}
	return &Sender{wire: w, generation: w.generation}, nil
}

// Inject puts a copy of p on the wire and reports whether it will be received:
// it is lost if the interface is down or deleted, if nobody receives, or if
// the Receiver's queue is full.
func (w *Wire) Inject(p Packet) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.up || len(w.receivers) == 0 {
		return false
	}
	r := w.receivers[0]
	if n := len(w.receivers); n > 1 {
		r = w.receivers[w.config.Steer(p.Data, n)]
	}
	if !r.enqueue(&p) {
		return false
	}
	w.held++
	w.changed.Broadcast()
	return true
}

// InjectBytes is Inject of a complete frame without a tag.
func (w *Wire) InjectBytes(data []byte) bool { return w.Inject(Packet{Data: data}) }

// Loop makes every Receiver, present and future, lend copies of ps again and
// again without an end, each restored before it is lent; what was injected
// comes first. No packets: the loop ends.
func (w *Wire) Loop(ps ...Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loop = make([]Packet, len(ps))
	for i := range ps {
		w.loop[i] = ps[i].Clone()
	}
	for _, r := range w.receivers {
		r.loop = w.loop
	}
	w.changed.Broadcast()
}

// Idle waits until every injected frame was lent and given back, which a
// worker does when it calls Receive again: all its work on them is done.
func (w *Wire) Idle(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.wait(ctx, func() bool { return w.held == 0 }); err != nil {
		return fmt.Errorf("%d injected frames not done: %w", w.held, err)
	}
	return nil
}

// wait waits, with the lock held, until done or the end of ctx.
func (w *Wire) wait(ctx context.Context, done func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.changed.Broadcast()
	})
	defer stop()
	for !done() {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.changed.Wait()
	}
	return nil
}

// SetUp sets the interface up or down. Each open Receiver reports link.ErrDown
// once when it goes down, and what is sent meanwhile is lost.
func (w *Wire) SetUp(up bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.up == up || !w.exists {
		return
	}
	w.up = up
	for _, r := range w.receivers {
		r.tellDown = !up
	}
	w.changed.Broadcast()
}

// Delete deletes the interface: open Receivers report link.ErrGone for ever,
// open Senders lose everything.
func (w *Wire) Delete() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.receivers {
		r.gone = true
	}
	w.receivers = nil
	w.exists, w.up = false, false
	w.generation++
	w.changed.Broadcast()
}

// Create makes a deleted interface again, up. Handles must be opened anew.
func (w *Wire) Create() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.exists {
		w.exists, w.up = true, true
	}
}
