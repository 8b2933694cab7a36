package notify

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"lvsdr/admin/api"
)

// finishTime is how long a receiver that a configuration has no more may go on with what
// waits for it.
const finishTime = 3 * time.Second

// Notifier tells receivers of events. Its methods may be called from any goroutine; only
// Close waits. Make it with New.
type Notifier struct {
	log     *slog.Logger
	setting sync.Mutex // held by Set and Close, which open and close receivers

	mu       sync.Mutex // held for moments only
	options  Options
	program  *outlet        // nil: none
	webhook  *outlet        // nil: none
	leaving  sync.WaitGroup // outlets that are no more wanted
	programs tally
	webhooks tally
}

// New returns a Notifier that tells nobody.
func New(log *slog.Logger) *Notifier { return &Notifier{log: log} }

// Set makes it tell others from now on. What waits for a receiver that stays goes on
// waiting; one that goes has 3 seconds to take what waits for it.
// Errors: a receiver that cannot be; the others are set.
func (n *Notifier) Set(o Options) error {
	n.setting.Lock()
	defer n.setting.Unlock()
	o.Kinds, o.Program.Command = slices.Clone(o.Kinds), slices.Clone(o.Program.Command)
	var program, webhook *outlet
	var errs []error
	if same := o.Program.equal(n.options.Program); same && n.program != nil {
		program = n.program
	} else if len(o.Program.Command) > 0 {
		r, err := openProgram(o.Program)
		program, errs = n.open(o.Program.name(), r, err, o.Queue, &n.programs), append(errs, err)
	}
	if same := o.Webhook == n.options.Webhook; same && n.webhook != nil {
		webhook = n.webhook
	} else if o.Webhook.URL != "" {
		r, err := openWebhook(o.Webhook)
		webhook, errs = n.open(o.Webhook.name(), r, err, o.Queue, &n.webhooks), append(errs, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, change := range []struct{ from, to *outlet }{{n.program, program}, {n.webhook, webhook}} {
		switch {
		case change.from == nil:
		case change.from == change.to:
			change.from.queue.resize(o.Queue)
		default:
			n.leave(change.from)
		}
	}
	n.options, n.program, n.webhook = o, program, webhook
	return errors.Join(errs...)
}

// open opens the way to a receiver; nil if there is none.
func (n *Notifier) open(name string, r receiver, err error, limit int, t *tally) *outlet {
	if err != nil {
		return nil
	}
	return openOutlet(name, r, limit, t, n.log)
}

// leave lets an outlet finish by itself.
func (n *Notifier) leave(o *outlet) {
	n.leaving.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), finishTime)
		defer cancel()
		o.finish(ctx)
	})
}

// Send tells the receivers of an event, later. It never waits.
func (n *Notifier) Send(e api.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.options.Kinds) > 0 && !slices.Contains(n.options.Kinds, e.Kind) {
		return
	}
	for _, o := range []*outlet{n.program, n.webhook} {
		if o != nil {
			o.send(&e)
		}
	}
}

// Status says what became of the events, for each kind of receiver that there is or was.
func (n *Notifier) Status() (out []api.Notifications) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, kind := range []struct {
		name string
		*outlet
		*tally
	}{{"program", n.program, &n.programs}, {"webhook", n.webhook, &n.webhooks}} {
		kind.mu.Lock()
		if kind.known {
			s := kind.count
			s.Kind = kind.name
			if kind.outlet != nil {
				s.Waiting = kind.queue.len()
			}
			out = append(out, s)
		}
		kind.mu.Unlock()
	}
	return out
}

// Close delivers what waits, until ctx is done; the rest is lost, and counted. Nothing of
// it runs any more when it returns. Call it last.
func (n *Notifier) Close(ctx context.Context) {
	n.setting.Lock()
	defer n.setting.Unlock()
	n.mu.Lock()
	var finishing sync.WaitGroup
	for _, o := range []*outlet{n.program, n.webhook} {
		if o != nil {
			finishing.Go(func() { o.finish(ctx) })
		}
	}
	n.program, n.webhook = nil, nil
	n.mu.Unlock()
	finishing.Wait()
	n.leaving.Wait()
}
