package director

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/dataplane"
	"lvsdr/guard"
	"lvsdr/healthcheck"
	"lvsdr/service"
)

// Options of a Director.
type Options struct {
	// Config is what to run.
	Config *config.Config
	// ConfigFile is its path, for status and messages.
	ConfigFile string
	// Load reads the configuration again for a reload.
	Load func() (*config.Config, error)
	// Host is the machine.
	Host Host
	// Log takes the director's messages; nil: slog.Default.
	Log *slog.Logger
	// Ready is called once the director forwards.
	Ready func()
	// Version is the program's, for status.
	Version string
}

// Director is one active director. Make it with New.
type Director struct {
	options Options
	host    Host
	log     *slog.Logger
	calls   chan func() // for the loop
	done    chan struct{}

	// The rest belongs to the loop.
	config     *config.Config // what runs
	loaded     time.Time
	started    time.Time
	pending    []string // keys whose change waits for a restart
	registry   service.Registry
	table      *service.Table
	plane      *dataplane.Plane
	monitor    *healthcheck.Monitor
	responder  Responder
	resolver   Resolver
	guard      Guard
	findings   []guard.Finding
	attached   *attachment
	unattached problem // why not
	saved      *stateFile
	rates      rates
	lost       uint64 // by the rings of former attachments
}

// ErrStopped is returned by calls to a director that does not run any more.
var ErrStopped = errors.New("the director has stopped")

// New makes a director of a valid configuration. It checks the configuration
// against the host, looks whether the host's kernel would take part in the
// VIPs' traffic, and allocates the connection table; nothing is opened yet.
// Errors: config.Errors, what the kernel must not do, or no memory.
func New(o Options) (*Director, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	d := &Director{
		options: o, host: o.Host, log: o.Log, config: o.Config, started: time.Now(), loaded: time.Now(),
		calls: make(chan func(), 64), done: make(chan struct{}),
	}
	if err := d.checkHost(o.Config); err != nil {
		return nil, err
	}
	table, err := d.registry.Build(definitions(o.Config), d.started)
	if err != nil {
		return nil, err
	}
	d.table = table
	d.plane, err = dataplane.New(dataplane.Options{
		Connections: o.Config.Connections, Grace: o.Config.RestartGrace, DecrementTTL: o.Config.TTL == config.TTLDecrement,
	})
	if err != nil {
		return nil, err
	}
	d.plane.SetTable(table)
	return d, nil
}

// Run runs the director until the context ends; then it forwards what has
// already come, removes the guard, and returns nil. Nothing is withdrawn from
// ARP caches: whoever takes the VIPs over announces them.
// Errors: what keeps it from starting.
func (d *Director) Run(ctx context.Context) error {
	defer close(d.done)
	defer d.plane.Close()
	if err := d.start(); err != nil {
		return errors.Join(err, d.stop())
	}
	background, cancel := context.WithCancel(context.Background())
	defer cancel()
	changed := make(chan struct{}, 1)
	finished := d.background(background, changed)
	d.options.Ready()
	d.loop(ctx, changed)
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
	d.startHealth()
	d.restoreMACs()
	d.refresh()
	d.checkInterfaces()
	if d.attached == nil {
		return fmt.Errorf("%s: %s", d.unattached.what, d.unattached.remedy)
	}
	return nil
}

// background starts what runs beside the loop, and returns a function that
// waits for it.
func (d *Director) background(ctx context.Context, changed chan<- struct{}) func() {
	tell := func() {
		select {
		case changed <- struct{}{}:
		default: // the loop has not looked since the last time
		}
	}
	ended := make(chan struct{}, 2)
	go func() {
		d.plane.Run(ctx)
		ended <- struct{}{}
	}()
	go func() {
		if err := d.host.Watch(ctx, tell); err != nil && ctx.Err() == nil {
			d.log.Error("interfaces are not watched any more", "error", err)
		}
		ended <- struct{}{}
	}()
	return func() { <-ended; <-ended }
}

// loop does one thing after the other until the context ends.
func (d *Director) loop(ctx context.Context, interfaces <-chan struct{}) {
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
		case <-interfaces:
			d.checkInterfaces()
		case now := <-second.C:
			d.rates.sample(d.table, now)
			if d.attached == nil {
				d.checkInterfaces()
			}
		case <-look.C:
			d.lookAtKernel()
		}
	}
}

// stop closes everything, in the reverse order.
func (d *Director) stop() error {
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
	if d.guard != nil {
		errs = append(errs, d.guard.Remove())
	}
	return errors.Join(errs...)
}

// post makes the loop call fn, some time. It does not wait, unless the loop is
// far behind.
func (d *Director) post(fn func()) {
	select {
	case d.calls <- fn:
	case <-d.done:
	}
}

// call makes the loop call fn and waits for it.
func (d *Director) call(ctx context.Context, fn func()) error {
	ended := make(chan struct{})
	select {
	case d.calls <- func() { fn(); close(ended) }:
	case <-d.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ended:
		return nil
	case <-d.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reload reads the configuration again and makes it what runs. A file that
// says what it said before changes nothing; a broken one neither, and the
// error says why. Any goroutine.
func (d *Director) Reload(ctx context.Context) (r api.Reload, err error) {
	if callErr := d.call(ctx, func() { r, err = d.reload() }); callErr != nil {
		return api.Reload{}, fmt.Errorf("reload: %w", callErr)
	}
	return r, err
}

// Status returns the present state. Any goroutine.
func (d *Director) Status(ctx context.Context) (s *api.Status, err error) {
	if callErr := d.call(ctx, func() { s = d.status() }); callErr != nil {
		return nil, fmt.Errorf("status: %w", callErr)
	}
	return s, nil
}
