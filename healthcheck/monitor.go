package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Options of a Monitor. The zero value probes by the host's routing and tells
// nobody.
type Options struct {
	// Notify is called with every Event, one at a time and in order, on a
	// goroutine of the Monitor's. It may call the Monitor's methods except
	// Close. While it runs, events wait and probes go on.
	Notify func(Event)
	// Way returns how the probes of one target travel; nil stands for the host's
	// routing. It is called within Set and Validate.
	Way func(Spec, Target) Way
	// Log takes a line for every change of a state; nil for none.
	Log *slog.Logger
}

// Subscription is a wish to know a target's state.
type Subscription struct {
	Key    string // names the subscription in events; unique within a Set
	Spec   Spec
	Target Target
}

// Event tells one subscriber that the state it knows has changed, or that the
// server says another weight: then From and To are the same.
type Event struct {
	Key      string
	From, To State
	Message  string // of the probe that decided; "" for a state taken over
	Time     time.Time
}

// Monitor runs the probes of many subscriptions. Those that ask the same of the
// same address and port share one. From the moment when a server that is up
// stops answering, at most fall × every + timeout pass until it is down; when it
// answers again, at most every_down + (rise − 1) × every + timeout until it is up.
// Times are monotonic: a wall clock that jumps changes nothing, and after a time
// for which the process was stopped each server is asked once, spread as at the
// start. All methods may be called from any goroutine.
type Monitor struct {
	opts   Options
	log    *slog.Logger
	epoch  time.Time // where the slots of all probes are counted from
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	events eventQueue

	mu       sync.Mutex
	closed   bool
	probes   map[probeID]*probe
	subs     map[string]*probe // by key
	restored map[string]State  // by key, for a Set to come
	made     uint64            // probes so far; spreads their slots
}

// NewMonitor returns a Monitor without subscriptions. Close it.
func NewMonitor(opts Options) *Monitor {
	ctx, cancel := context.WithCancel(context.Background())
	m := &Monitor{
		opts: opts, log: opts.Log, epoch: time.Now(), ctx: ctx, cancel: cancel,
		events:   eventQueue{wake: make(chan struct{}, 1)},
		probes:   map[probeID]*probe{},
		subs:     map[string]*probe{},
		restored: map[string]State{},
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if opts.Notify != nil {
		m.wg.Go(m.notify)
	}
	return m
}

// Set makes subs the subscriptions. Probes that are still wanted go on as if
// nothing had happened; new ones start at once, within 100 ms or, beyond 200, half
// a millisecond for each; the others stop.
// A key whose Spec changed but not its address keeps its state, believed until
// the new probe decides. If any subscription is wrong, nothing changes and the
// error names all that are.
func (m *Monitor) Set(subs []Subscription) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("set health checks: the monitor is closed")
	}
	next, err := m.plan(subs)
	if err != nil {
		return fmt.Errorf("set health checks: %w", err)
	}
	now := time.Now()
	before := make(map[string]State, len(m.subs))
	for key, p := range m.subs {
		before[key] = p.status.State
	}
	m.takeOver(subs, next, now)
	for _, sub := range subs {
		if s := next[sub.Key].status; s.State != before[sub.Key] {
			m.queue(Event{Key: sub.Key, From: before[sub.Key], To: s.State, Message: s.Message, Time: now})
		}
	}
	m.swap(subs, next)
	return nil
}

// Validate returns the error that Set would return, and changes nothing.
func (m *Monitor) Validate(subs []Subscription) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, err := m.plan(subs)
	if err != nil {
		return fmt.Errorf("set health checks: %w", err)
	}
	for _, p := range next {
		if m.probes[p.id] != p {
			p.cancel() // it was built only to see whether it can be
		}
	}
	return nil
}

// plan finds or builds the probe of each subscription, without starting it.
func (m *Monitor) plan(subs []Subscription) (map[string]*probe, error) {
	next := make(map[string]*probe, len(subs))
	built := map[probeID]*probe{}
	var errs []error
	for _, sub := range subs {
		if _, twice := next[sub.Key]; twice {
			errs = append(errs, fmt.Errorf("key %q appears twice", sub.Key))
			continue
		}
		id := sub.id()
		p := m.probes[id]
		if p == nil {
			p = built[id]
		}
		if p == nil {
			var err error
			if p, err = m.build(id, sub); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", sub.Key, err))
				continue
			}
			built[id] = p
		}
		next[sub.Key] = p
	}
	if len(errs) > 0 {
		for _, p := range built {
			p.cancel()
		}
	}
	return next, errors.Join(errs...)
}

// takeOver gives probes that know nothing yet the state that was restored for
// their key, or that it had under another Spec.
func (m *Monitor) takeOver(subs []Subscription, next map[string]*probe, now time.Time) {
	for _, sub := range subs {
		p := next[sub.Key]
		if s, ok := m.restored[sub.Key]; ok {
			p.believe(s, now)
		}
		if old := m.subs[sub.Key]; old != nil && old.id.addr == p.id.addr {
			p.believe(old.status.State, old.status.Since)
		}
	}
	// A key that leaves and comes back later starts with nothing.
	for _, sub := range subs {
		delete(m.restored, sub.Key)
	}
}

// swap starts the probes that are new in next and stops those that left.
func (m *Monitor) swap(subs []Subscription, next map[string]*probe) {
	wanted := make(map[probeID]*probe, len(next))
	for _, p := range next {
		p.subs = p.subs[:0]
		wanted[p.id] = p
	}
	for _, sub := range subs {
		p := next[sub.Key]
		p.subs = append(p.subs, sub)
	}
	for id, p := range m.probes {
		if wanted[id] == nil {
			p.cancel()
		}
	}
	var fresh []*probe
	for id, p := range wanted {
		if m.probes[id] == nil && p.id.spec.Kind != "none" {
			fresh = append(fresh, p)
		}
	}
	for _, p := range fresh {
		p.first = p.when.soon(len(fresh))
		m.wg.Go(func() { m.run(p) })
	}
	m.probes, m.subs = wanted, next
}

// Restore takes over the last known state of a subscription, from before a
// restart: it holds until the probe decides, unless that has decided already.
// The key may be one that a Set is yet to bring. Unknown is ignored.
func (m *Monitor) Restore(key string, state State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if state == Unknown || m.closed {
		return
	}
	p := m.subs[key]
	if p == nil {
		m.restored[key] = state
		return
	}
	if now := time.Now(); p.believe(state, now) {
		m.announce(p, Unknown, "", now)
	}
}

// Status returns what is known for a subscription; false if there is none of
// that key.
func (m *Monitor) Status(key string) (Status, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.subs[key]
	if !ok {
		return Status{}, false
	}
	return p.status, true
}

// Close stops all probes and returns when the last has ended. No event comes
// after it; those that wait are dropped.
func (m *Monitor) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	m.wg.Wait()
}
