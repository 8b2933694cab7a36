package healthcheck

import (
	"sync"
	"time"
)

// eventQueue holds events until Notify has time for them. It has no bound of
// its own: probes must not wait for a slow subscriber, and a subscriber must not
// miss the last state. Each event takes `rise` or `fall` probes.
type eventQueue struct {
	mu   sync.Mutex
	list []Event
	wake chan struct{} // holds one
}

func (q *eventQueue) put(e Event) {
	q.mu.Lock()
	q.list = append(q.list, e)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *eventQueue) take() []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	q.list = nil
	return list
}

// queue hands an event to Notify's goroutine, if there is one.
func (m *Monitor) queue(e Event) {
	if m.opts.Notify != nil {
		m.events.put(e)
	}
}

// announce queues a probe's change of state for all its subscribers. It needs
// m.mu.
func (m *Monitor) announce(p *probe, from State, message string, now time.Time) {
	for _, sub := range p.subs {
		m.queue(Event{Key: sub.Key, From: from, To: p.status.State, Message: message, Time: now})
	}
}

// notify delivers events until the Monitor is closed.
func (m *Monitor) notify() {
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.events.wake:
		}
		for _, e := range m.events.take() {
			if m.ctx.Err() != nil {
				return
			}
			if m.subscribed(e.Key) {
				m.opts.Notify(e)
			}
		}
	}
}

// subscribed keeps away events of keys that left while they waited.
func (m *Monitor) subscribed(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.subs[key] != nil
}
