package notify

import (
	"fmt"
	"sync"
	"time"

	"lvsdr/admin/api"
)

// queue holds the events that wait for one receiver, the oldest first.
type queue struct {
	mu     sync.Mutex
	events []api.Event
	limit  int
	lost   uint64        // since the receiver was last told
	closed bool          // there will be no more
	wake   chan struct{} // holds one
}

func newQueue(limit int) *queue { return &queue{limit: limit, wake: make(chan struct{}, 1)} }

// put adds an event, in place of the oldest if there is no room, and returns how many were
// dropped for it.
func (q *queue) put(e *api.Event) (dropped uint64) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return 1
	}
	for ; len(q.events) >= q.limit; dropped++ {
		q.drop()
	}
	q.lost += dropped
	q.events = append(q.events, *e)
	q.mu.Unlock()
	q.tell()
	return dropped
}

func (q *queue) tell() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the next event. If some were dropped before it, that is told first, as
// an event. Without any, over says that none will come.
func (q *queue) take() (e api.Event, ok, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.lost > 0:
		e = api.Event{
			Time: time.Now(), Kind: api.LostEvent, Lost: q.lost,
			Reason: fmt.Sprintf("%d events were dropped: they came faster than they were taken", q.lost),
		}
		q.lost = 0
		return e, true, false
	case len(q.events) > 0:
		return q.drop(), true, false
	}
	return e, false, q.closed
}

// drop removes the oldest event. The room before it goes when the list grows next.
func (q *queue) drop() api.Event {
	e := q.events[0]
	q.events[0] = api.Event{}
	q.events = q.events[1:]
	return e
}

// close lets the receiver take what is left.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.tell()
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events)
}

// resize sets another limit. What is above it is dropped with the next put.
func (q *queue) resize(limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit = limit
}
