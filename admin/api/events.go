package api

import (
	"context"
	"net/url"
	"time"
)

// EventKind says what an [Event] is about.
type EventKind string

// The kinds of events.
const (
	ServerEvent  EventKind = "server"  // a real server's state in a service has changed
	ServiceEvent EventKind = "service" // who serves a service has changed
	OrderEvent   EventKind = "order"   // an operator gave an order, or one has ended
	LostEvent    EventKind = "lost"    // events were dropped, since they were not taken in time
)

// Event is something that happened to a service or a real server.
type Event struct {
	// Seq counts the events of a director since its start, from 1 on; 0: of LostEvent.
	Seq     uint64    `json:"seq,omitempty"`
	Time    time.Time `json:"time"`
	Kind    EventKind `json:"kind"`
	Service string    `json:"service,omitempty"`
	Server  string    `json:"server,omitempty"`
	// From and To are states of a RealServer, plans of a Quorum, or, of an order,
	// "" and what was ordered.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Reason is why, for people.
	Reason string `json:"reason,omitempty"`
	// By is who ordered it; "" if nobody did.
	By string `json:"by,omitempty"`
	// Lost is how many events were dropped, of LostEvent.
	Lost uint64 `json:"lost,omitempty"`
}

// EventFilter says which events are wanted.
type EventFilter struct {
	Since  time.Time // none before; zero: all that are remembered
	Follow bool      // those to come too
}

// query is the filter as the API takes it.
func (f EventFilter) query() string {
	q := make(url.Values)
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	if f.Follow {
		q.Set("follow", "true")
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// Events calls fn for each event, in their order, until fn returns an error, which
// Events returns as it is. Without Follow it ends with the last event that there is,
// with it when the director does. Who takes them too slowly gets a LostEvent in place
// of those that the director remembers no more; fn may take its time otherwise. A
// director that says nothing for 10 seconds, not even that there is nothing new, is
// an error.
func (c *Client) Events(ctx context.Context, filter EventFilter, fn func(Event) error) error {
	return readStream(ctx, c, "/v1/events"+filter.query(), "stream of events",
		func(l *eventLine) string { return l.Error }, func(l *eventLine) error { return fn(l.Event) })
}

// eventLine is one line of the stream: an event, or why there are no more.
type eventLine struct {
	Event
	Error string `json:"error"`
}

// Notifications say what became of the events that one kind of receiver was to be told of
// since the director's start.
type Notifications struct {
	Kind      string `json:"kind"` // "program" or "webhook"
	To        string `json:"to"`   // the receiver, for people
	Waiting   int    `json:"waiting"`
	Delivered uint64 `json:"delivered"`
	Failed    uint64 `json:"failed"`          // the receiver failed, retries included
	Lost      uint64 `json:"lost"`            // were dropped, since the queue was full or time was over
	Error     string `json:"error,omitempty"` // of the last one, if it failed
}
