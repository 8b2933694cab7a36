package memlink

import (
	"context"
	"fmt"
)

// Next waits for the first frame that was sent and not yet taken, and takes it.
func (w *Wire) Next(ctx context.Context) (Packet, error) {
	ps, err := w.NextN(ctx, 1)
	if err != nil {
		return Packet{}, err
	}
	return ps[0], nil
}

// NextN waits until n frames were sent that are not yet taken, and takes those
// n, in the order in which they were sent.
func (w *Wire) NextN(ctx context.Context, n int) ([]Packet, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.wait(ctx, func() bool { return len(w.sent) >= n }); err != nil {
		return nil, fmt.Errorf("%d of %d frames sent: %w", len(w.sent), n, err)
	}
	ps := w.sent[:n:n]
	w.sent = w.sent[n:]
	return ps, nil
}

// Take takes all frames that were sent and not yet taken, without waiting.
func (w *Wire) Take() []Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	ps := w.sent
	w.sent = nil
	return ps
}

// Sent is how many frames were sent since New, taken or not.
func (w *Wire) Sent() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Discard makes the wire count frames that are sent, and keep none.
func (w *Wire) Discard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.discard, w.sent = true, nil
}

// Refuse makes the interface's queue full for the next n frames to be sent
// (link.SendStats.NoSpace), for all if n is negative, for none if it is 0.
func (w *Wire) Refuse(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = n
}
