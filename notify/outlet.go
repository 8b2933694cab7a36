package notify

import (
	"context"
	"log/slog"
	"sync"

	"lvsdr/admin/api"
)

// receiver takes events, one at a time.
type receiver interface {
	// deliver returns soon after ctx is done. Once hurry is closed it does not wait to
	// try again.
	deliver(ctx context.Context, hurry <-chan struct{}, e *api.Event) error
	close()
}

// outlet is the way to one receiver: a queue, and a goroutine that empties it.
type outlet struct {
	name     string
	receiver receiver
	queue    *queue
	tally    *tally
	log      *slog.Logger
	ctx      context.Context // of deliveries
	cancel   context.CancelFunc
	hurry    chan struct{} // closed when the end has begun
	ended    chan struct{}
}

// tally counts what became of events, for all receivers of one kind that there have been.
type tally struct {
	mu    sync.Mutex
	known bool // there has been one
	count api.Notifications
}

func (t *tally) note(fn func(*api.Notifications)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fn(&t.count)
}

func openOutlet(name string, r receiver, limit int, t *tally, log *slog.Logger) *outlet {
	ctx, cancel := context.WithCancel(context.Background())
	o := &outlet{
		name: name, receiver: r, queue: newQueue(limit), tally: t, log: log,
		ctx: ctx, cancel: cancel, hurry: make(chan struct{}), ended: make(chan struct{}),
	}
	t.note(func(n *api.Notifications) { t.known, n.To, n.Error = true, name, "" })
	go o.run()
	return o
}

// send never waits.
func (o *outlet) send(e *api.Event) {
	if dropped := o.queue.put(e); dropped > 0 {
		o.tally.note(func(n *api.Notifications) { n.Lost += dropped })
	}
}

// run delivers events until the queue is closed and empty, or ctx is done.
func (o *outlet) run() {
	defer close(o.ended)
	defer o.receiver.close()
	failures := 0 // in a row
	for {
		e, ok, over := o.queue.take()
		if !ok {
			if over {
				return
			}
			select {
			case <-o.queue.wake:
			case <-o.ctx.Done():
				return
			}
			continue
		}
		err := o.receiver.deliver(o.ctx, o.hurry, &e)
		if o.ctx.Err() != nil && err != nil {
			o.tally.note(func(n *api.Notifications) { n.Lost++ })
			return
		}
		failures = o.note(err, failures)
	}
}

// note counts a delivery and returns how many have failed in a row. The log has the first
// of them, and their end: a receiver that is away would fill it.
func (o *outlet) note(err error, failures int) int {
	if err != nil {
		o.tally.note(func(n *api.Notifications) { n.Failed++; n.Error = err.Error() })
		if failures == 0 {
			o.log.Error("an event could not be told", "to", o.name, "error", err)
		}
		return failures + 1
	}
	o.tally.note(func(n *api.Notifications) { n.Delivered++; n.Error = "" })
	if failures > 0 {
		o.log.Info("events can be told again", "to", o.name, "failed", failures)
	}
	return 0
}

// finish delivers what waits, until ctx is done.
func (o *outlet) finish(ctx context.Context) {
	close(o.hurry)
	o.queue.close()
	select {
	case <-o.ended:
	case <-ctx.Done():
		o.cancel()
		<-o.ended
	}
	o.cancel()
	if left := o.queue.len(); left > 0 {
		o.tally.note(func(n *api.Notifications) { n.Lost += uint64(left) })
		o.log.Error("events were not told: there was no time left", "to", o.name, "events", left)
	}
}
