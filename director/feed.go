package director

import (
	"context"
	"fmt"
	"sync"
	"time"

	"lvsdr/admin/api"
)

const (
	// keptEvents is how many events are remembered for who asks: enough for all
	// servers of a large cluster to fail and return.
	keptEvents = 8192
	// readEvents is how many are handed over at once.
	readEvents = 256
	// eventBeat is how often a follower hears that there is nothing new. It is less
	// than what a client waits.
	eventBeat = 5 * time.Second
)

// feed remembers the last events. Readers never hold up who adds one: those that are
// too slow miss some.
type feed struct {
	mu    sync.Mutex
	ring  []api.Event   // number n is at (n-1) % keptEvents
	last  uint64        // number of the newest; 0: there was none
	more  chan struct{} // closed with the next event, or at the end; nil: nobody waits
	ended bool
}

// add gives an event its number and remembers it.
func (f *feed) add(e *api.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	e.Seq = f.last
	if len(f.ring) < keptEvents {
		f.ring = append(f.ring, *e)
	} else {
		f.ring[(f.last-1)%keptEvents] = *e
	}
	f.wake()
}

// end lets followers go once they have read the rest.
func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.wake()
}

func (f *feed) wake() {
	if f.more != nil {
		close(f.more)
		f.more = nil
	}
}

// newest is the number of the last event.
func (f *feed) newest() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// read copies events into the room of batch, beginning with the one that follows number
// seq, or with the oldest that is remembered; lost is how many came between. Without any,
// more is closed when there is one; nil: there will be none.
func (f *feed) read(seq uint64, batch []api.Event) (n int, lost uint64, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if oldest := f.last - uint64(len(f.ring)); seq < oldest {
		lost, seq = oldest-seq, oldest
	}
	for n < len(batch) && seq < f.last {
		batch[n] = f.ring[seq%keptEvents]
		n, seq = n+1, seq+1
	}
	if n == 0 && !f.ended {
		if f.more == nil {
			f.more = make(chan struct{})
		}
		more = f.more
	}
	return n, lost, more
}

// Events implements the admin API's source of events. Any goroutine.
func (d *Director) Events(ctx context.Context, filter api.EventFilter, yield func([]api.Event) bool) error {
	if filter.Follow && !yield(nil) {
		return nil
	}
	r := feedReader{feed: &d.feed, since: filter.Since, until: d.feed.newest()}
	beat := time.NewTicker(eventBeat)
	defer beat.Stop()
	for filter.Follow || r.seq < r.until {
		events, more := r.next()
		if len(events) > 0 && !yield(events) {
			return nil
		}
		if r.read > 0 {
			continue
		}
		if more == nil {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if !yield(nil) {
				return nil
			}
		}
	}
	return nil
}

// feedReader is one who reads a feed.
type feedReader struct {
	feed  *feed
	since time.Time
	until uint64 // the newest when it began
	seq   uint64 // the last that was read, or skipped
	began bool
	read  int // how many were read last
	room  [readEvents]api.Event
}

// next returns the events that follow, of those that were read, and what is lost before
// them as an event of its own. What was gone before the first is not lost.
func (r *feedReader) next() (events []api.Event, more <-chan struct{}) {
	n, lost, more := r.feed.read(r.seq, r.room[:])
	r.seq, r.read = r.seq+lost+uint64(n), n
	if lost > 0 && r.began {
		events = append(events, lostEvents(time.Now(), lost))
	}
	r.began = true
	for i := range r.room[:n] {
		if !r.room[i].Time.Before(r.since) {
			events = append(events, r.room[i])
		}
	}
	return events, more
}

func lostEvents(now time.Time, n uint64) api.Event {
	return api.Event{Time: now, Kind: api.LostEvent, Lost: n, Reason: fmt.Sprintf("%d events were not read in time", n)}
}
