package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"lvsdr/admin"
	"lvsdr/admin/api"
	"lvsdr/config"
	"lvsdr/director"
	"lvsdr/internal/footprint"
	"lvsdr/notify"
)

// engine is the part of director.Director that a process uses.
type engine interface {
	admin.Source
	Run(ctx context.Context) error
}

// process is `director run`: the director, its admin API, signals and the
// service manager.
type process struct {
	file   string
	log    *slog.Logger
	engine engine
	server *admin.Server
	notify notifier         // the service manager
	events *notify.Notifier // others, of events
	memory memory

	reload sync.Mutex                    // one at a time
	loaded atomic.Pointer[config.Config] // the last one that could be read
	last   *api.Status                   // when it was told to stop
}

// newProcess makes all of it and opens the admin API, but runs nothing.
func newProcess(file string, log *slog.Logger) (*process, error) {
	p := &process{
		file: file, log: log, notify: newNotifier(log), events: notify.New(log),
		memory: memory{footprint: footprint.New()},
	}
	c, err := p.load()
	if err != nil {
		return nil, err
	}
	rules, err := readRules(c.Rules)
	if err != nil {
		return nil, err
	}
	d, err := director.New(director.Options{
		Config: c, ConfigFile: file, Rules: rules.Changes, Load: p.load, Host: director.NewLinuxHost(kernelLinks{}),
		Log: log, Ready: p.ready, Event: p.events.Send, Version: programVersion(),
	})
	if err != nil {
		return nil, placed(err, rules)
	}
	p.engine, p.memory.aside = d, d.Memory
	return p, p.listen(c.Admin)
}

func (p *process) load() (*config.Config, error) {
	c, err := config.Load(p.file)
	if err != nil {
		return nil, err
	}
	for _, w := range c.Warnings {
		p.log.Warn("a key of the configuration has no effect", "key", w)
	}
	p.loaded.Store(c)
	return c, nil
}

func (p *process) listen(a config.Admin) (err error) {
	p.server, err = admin.Listen(admin.Options{Socket: a.Socket, Listen: a.Listen, Source: p, Log: p.log})
	return err
}

func (p *process) ready() {
	p.memory.settle(p.log)
	p.log.Info("ready", "version", programVersion(), "config", p.file, "pid", os.Getpid())
	p.notify.ready()
}

// run runs everything until a stop signal or the end of ctx. The director's
// own end before that is an error. A second stop signal has its default
// effect.
func (p *process) run(ctx context.Context, reload, stop <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := p.server.Serve(ctx); err != nil {
			p.log.Error("the admin API did not end well", "err", err)
		}
	})
	p.tellEvents(p.loaded.Load().Notify)
	ended := make(chan error, 1)
	go func() { ended <- p.engine.Run(ctx) }()
	err := p.attend(ctx, reload, stop, ended, cancel)
	cancel()
	p.stopTelling()
	serving.Wait()
	if p.last != nil {
		p.log.Info("stopped", summary(p.last)...)
	}
	return err
}

// attend does what signals ask for until the director has ended.
func (p *process) attend(ctx context.Context, reload, stop <-chan os.Signal, ended <-chan error, cancel func()) error {
	watchdog, tick := p.notify.watchdog()
	defer watchdog()
	for {
		select {
		case err := <-ended:
			if err == nil && ctx.Err() == nil {
				err = errors.New("the director ended by itself")
			}
			return err
		case <-reload:
			p.notify.reloading()
			p.Reload(ctx) // logs what came of it
			p.notify.ready()
		case s := <-stop:
			signal.Reset(syscall.SIGTERM, syscall.SIGINT)
			stop = nil
			p.log.Info("stopping", "signal", s.String())
			p.notify.stopping()
			p.last = p.final(ctx)
			cancel()
		case <-tick:
			p.alive(ctx)
		}
	}
}

// alive tells the service manager that the director answers, if it does.
func (p *process) alive(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.notify.interval)
	defer cancel()
	if _, err := p.engine.Status(ctx); err == nil {
		p.notify.alive()
	}
}

func (p *process) final(ctx context.Context) *api.Status {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := p.engine.Status(ctx)
	if err != nil {
		return nil
	}
	return s
}

// Status implements [admin.Source].
func (p *process) Status(ctx context.Context) (*api.Status, error) {
	s, err := p.engine.Status(ctx)
	if err != nil {
		return nil, err
	}
	whole := *s
	whole.Notifications = p.events.Status()
	_ = p.memory.read(&whole.Memory) // it was logged if it cannot be
	return &whole, nil
}

// Change implements [admin.Source].
func (p *process) Change(ctx context.Context, changes api.Changes) (api.Changed, error) {
	defer p.memory.pace()
	return p.engine.Change(ctx, changes)
}

// Order implements [admin.Source].
func (p *process) Order(ctx context.Context, o api.OrderRequest) (api.Ordered, error) {
	return p.engine.Order(ctx, o)
}

// Connections implements [admin.Source].
func (p *process) Connections(ctx context.Context, filter api.ConnectionFilter, yield func(api.Connection) bool) error {
	return p.engine.Connections(ctx, filter, yield)
}

// Events implements [admin.Source].
func (p *process) Events(ctx context.Context, filter api.EventFilter, yield func([]api.Event) bool) error {
	return p.engine.Events(ctx, filter, yield)
}

// Why implements [admin.Source].
func (p *process) Why(ctx context.Context, protocol, client, vip string) (*api.Why, error) {
	return p.engine.Why(ctx, protocol, client, vip)
}

// Reload implements [admin.Source]: the director takes the configuration, then
// the admin API moves to where it says. That it cannot is no refusal: the rest
// is changed already.
func (p *process) Reload(ctx context.Context) (api.Reload, error) {
	p.reload.Lock()
	defer p.reload.Unlock()
	r, err := p.engine.Reload(ctx)
	if err != nil {
		p.logRefused(err)
		return r, err
	}
	p.memory.pace()
	p.tellEvents(p.loaded.Load().Notify)
	a := p.loaded.Load().Admin
	if err := p.server.Rebind(a.Socket, a.Listen); err != nil {
		p.log.Error("reloaded, but the admin API stays where it was", "err", err)
		r.Problem = "the admin API stays where it was: " + err.Error()
		return r, nil
	}
	p.log.Info(reloadLine(r), "config", p.file)
	return r, nil
}

// logRefused writes one line for each mistake.
func (p *process) logRefused(err error) {
	var mistakes config.Errors
	if !errors.As(err, &mistakes) {
		p.log.Error("reload refused, what ran before goes on", "err", err)
		return
	}
	for _, m := range mistakes {
		p.log.Error("reload refused, what ran before goes on", "err", m)
	}
}

// summary is what a director has done, as attributes of a log line.
func summary(s *api.Status) []any {
	frames := make(map[string]uint64)
	for _, v := range s.Frames.Verdicts {
		frames[v.Kind] += v.Frames
	}
	return []any{
		"uptime", s.Now.Sub(s.Started).Round(time.Second).String(),
		"connections", s.Connections.Inserted,
		"open", s.Connections.Connections,
		"frames", s.Frames.Received,
		"forward", frames["forward"],
		"reply", frames["reply"],
		"ignore", frames["ignore"],
		"drop", frames["drop"],
		"lost", s.Frames.Lost,
	}
}
