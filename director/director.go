package director

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/dataplane"
	"lvsdr/guard"
	"lvsdr/healthcheck"
	"lvsdr/healthcheck/via"
	"lvsdr/service"
)

// Options of a Director.
type Options struct {
	// Config is what to run.
	Config *config.Config
	// ConfigFile is its path, for status and messages.
	ConfigFile string
	// Rules are changes that are made at the start, after what Config says. One
	// that is refused is an error of New.
	Rules api.Changes
	// Load reads the configuration again for a reload.
	Load func() (*config.Config, error)
	// Host is the machine.
	Host Host
	// Log takes the director's messages; nil: slog.Default.
	Log *slog.Logger
	// Ready is called once the director forwards.
	Ready func()
	// Event is called with everything that happens to services and real servers, in
	// order. It must not wait, nor call the director. nil: nobody wants to know.
	Event func(api.Event)
	// Version is the program's, for status.
	Version string
}

// Director is one active director. Make it with New.
type Director struct {
	options Options
	host    Host
	log     *slog.Logger
	done    chan struct{} // the loop has ended

	reading sync.RWMutex // held by who reads the connection table
	freed   bool         // there is none any more

	// For the loop: what to do, and where to look.
	calls      chan func()
	health     signal // a check has news
	macs       signal // the resolver has
	interfaces signal // an interface changed, or an attachment broke

	// The rest belongs to the loop.
	config     *config.Config // what runs
	file       *config.Config // what the file said last
	loaded     time.Time
	started    time.Time
	pending    []string // keys whose change waits for a restart
	registry   service.Registry
	table      *service.Table
	vipNames   []netip.Addr // by index, of all tables so far
	plane      *dataplane.Plane
	monitor    *healthcheck.Monitor
	responder  Responder
	resolver   Resolver
	guard      Guard
	findings   []guard.Finding
	ways       Ways
	astray     []via.Problem // of them
	attached   *attachment
	unattached problem            // why not
	cause      error              // of that, if it was an error
	ready      bool               // it has been attached once
	unsure     bool               // the interfaces could not be listed
	awaited    []awaited          // MAC addresses
	mtus       map[netip.Addr]int // of the routes to the real servers; 0: none is named
	ledger     ledger
	feed       feed // any goroutine
	conditions conditions
	since      onsets
	saved      *stateFile
	rates      rates
	memory     atomic.Pointer[[]api.MemoryPart]
	lost       uint64 // by the rings of former attachments
}

// signal tells the loop to look at something. It never waits, so that it may be
// given by a goroutine for which the loop waits; signals not yet seen are one.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) tell() {
	select {
	case s <- struct{}{}:
	default: // the loop has not looked since the last time
	}
}

// ErrStopped is returned by calls to a director that does not run any more.
var ErrStopped = errors.New("the director has stopped")

// New makes a director of a valid configuration. It checks the configuration
// against the host, looks whether the host's kernel would take part in the
// VIPs' traffic, and allocates the tables of connections and fragments; nothing is opened yet.
// Errors: config.Errors, an *api.Error about Options.Rules that says how many of
// them are right, what the kernel must not do, or no memory.
func New(o Options) (*Director, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.Event == nil {
		o.Event = func(api.Event) {}
	}
	d := &Director{
		options: o, host: o.Host, log: o.Log, file: o.Config, started: time.Now(), loaded: time.Now(),
		calls: make(chan func()), done: make(chan struct{}),
		health: newSignal(), macs: newSignal(), interfaces: newSignal(), ledger: newLedger(),
		conditions: newConditions(),
	}
	if err := d.checkHost(o.Config); err != nil {
		return nil, err
	}
	c, err := d.startConfig()
	if err != nil {
		return nil, err
	}
	d.config = c
	table, err := d.registry.Build(definitions(c), owned(c), d.started)
	if err != nil {
		return nil, err
	}
	d.table, d.vipNames = table, nameVIPs(nil, table)
	d.plane, err = dataplane.New(dataplane.Options{
		Connections: c.Connections, Grace: c.RestartGrace, Settings: settings(c),
	})
	if err != nil {
		return nil, err
	}
	d.plane.SetTable(table)
	d.setMemory()
	return d, nil
}

// Run runs the director until the context ends; then it forwards what has
// already come, removes the guard, and returns nil. Nothing is withdrawn from
// ARP caches: whoever takes the VIPs over announces them.
// Errors: what keeps it from starting.
func (d *Director) Run(ctx context.Context) error {
	defer d.free()
	defer d.feed.end()
	if err := d.start(); err != nil {
		return errors.Join(err, d.stop())
	}
	background, cancel := context.WithCancel(context.Background())
	defer cancel()
	finished := d.background(background)
	d.options.Ready()
	d.loop(ctx)
	d.feed.end() // who follows it must not wait for the rest
	cancel()
	finished()
	return d.stop()
}

// start opens everything. A director that cannot forward yet because an
// interface is missing must not start; later it waits for it.
func (d *Director) start() error {
	if d.config.StateDir != "" {
		d.saved = openState(d.config.StateDir, d.log)
	}
	if err := d.openGuard(d.config); err != nil {
		return err
	}
	if err := guard.Err(d.findings); err != nil {
		return err
	}
	if err := d.openWays(); err != nil {
		return err
	}
	d.startHealth()
	d.settle(time.Now())
	d.checkInterfaces()
	switch {
	case d.attached != nil:
		d.ready = true
		return nil
	case d.cause != nil: // only a running director tries again
		return fmt.Errorf("attach to the interfaces: %w", d.cause)
	}
	return fmt.Errorf("%s: %s", d.unattached.what, d.unattached.remedy)
}

// background starts what runs beside the loop, and returns a function that
// waits for it.
func (d *Director) background(ctx context.Context) func() {
	ended := make(chan struct{}, 2)
	go func() {
		d.plane.Run(ctx)
		ended <- struct{}{}
	}()
	go func() {
		d.watch(ctx)
		ended <- struct{}{}
	}()
	return func() { <-ended; <-ended }
}

// watch makes the loop look at the interfaces when they change; every second,
// while the host cannot watch them, until it can.
func (d *Director) watch(ctx context.Context) {
	var failed atomic.Bool
	for {
		err := d.host.Watch(ctx, func() {
			failed.Store(false)
			d.interfaces.tell()
		})
		if ctx.Err() != nil {
			return
		}
		if !failed.Swap(true) {
			d.log.Error("interfaces cannot be watched, but are looked at every second", "error", err)
		}
		d.interfaces.tell()
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// loop does one thing after the other until the context ends.
func (d *Director) loop(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	look := time.NewTicker(guard.Interval)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case fn := <-d.calls:
			fn()
		case <-d.health:
			d.healthChanged()
		case <-d.conditions.due.C:
			d.settle(time.Now())
		case <-d.macs:
			d.macsChanged()
		case <-d.interfaces:
			d.checkInterfaces()
		case <-second.C:
			d.everySecond()
		case <-look.C:
			d.lookAtKernel()
			d.lookAtWays()
			d.lookAtRoutes()
		}
	}
}

// everySecond looks at what nobody tells of. The time is taken here, since a
// tick may have waited for the loop.
func (d *Director) everySecond() {
	now := time.Now()
	d.rates.sample(d.table, now)
	d.ownAlarms(now)
	d.tellAwaiting(now)
	if d.attached == nil || d.unsure {
		d.checkInterfaces()
	}
}

// stop closes everything, in the reverse order.
func (d *Director) stop() error {
	d.conditions.due.Stop()
	d.detach()
	if d.monitor != nil {
		d.save()
		d.monitor.Close()
	}
	if d.saved != nil {
		d.saved.close()
	}
	var errs []error
	if d.responder != nil {
		errs = append(errs, d.responder.Close())
	}
	if d.resolver != nil {
		errs = append(errs, d.resolver.Close())
	}
	if d.ways != nil {
		errs = append(errs, d.ways.Close())
	}
	if d.guard != nil {
		errs = append(errs, d.guard.Remove())
	}
	return errors.Join(errs...)
}

// call makes the loop call fn, unless the context ends before the loop is free,
// and returns what fn returned.
func call[T any](ctx context.Context, d *Director, fn func() T) (result T, err error) {
	results := make(chan T, 1) // not a variable of the caller's, who may have left
	select {
	case d.calls <- func() { results <- fn() }:
	case <-d.done:
		return result, ErrStopped
	case <-ctx.Done():
		return result, ctx.Err()
	}
	select {
	case result = <-results:
		return result, nil
	case <-ctx.Done():
		return result, ctx.Err()
	}
}

// Reload reads the configuration again and makes it what runs. A file that
// says what it said before changes nothing; a broken one neither, and the
// error says why. Any goroutine.
func (d *Director) Reload(ctx context.Context) (api.Reload, error) {
	type outcome struct {
		reload api.Reload
		err    error
	}
	o, err := call(ctx, d, func() (o outcome) {
		o.reload, o.err = d.reload()
		return o
	})
	if err != nil {
		return api.Reload{}, fmt.Errorf("reload: %w", err)
	}
	return o.reload, o.err
}

// Status returns the present state. Any goroutine.
func (d *Director) Status(ctx context.Context) (*api.Status, error) {
	s, err := call(ctx, d, d.status)
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	return s, nil
}
