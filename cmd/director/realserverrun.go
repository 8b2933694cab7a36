package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/realserver"
)

// keepOptions are the flags of `director realserver run` alone.
type keepOptions struct {
	logOptions
	listen   string
	interval time.Duration
	undo     bool
}

func (f *realserverFlags) runCommand(host realserver.Host) *cobra.Command {
	var o keepOptions
	cmd := &cobra.Command{
		Use:   "run {--vip ADDRESS... | --config FILE | --director WHERE}",
		Short: "Apply, stay in the foreground, and put back whatever is changed",
		Long: `Apply, stay in the foreground, and put back whatever is changed: a VIP that is
removed, a sysctl that is set back, a flushed ruleset, an interface that is new.
What undo restores stays what the first apply found.

SIGHUP applies at once, and reads --config or asks --director again. SIGTERM and
SIGINT end it politely, and with --undo-on-exit undo first; a second one ends it at
once. It logs to standard error, and tells systemd how it is when started with
Type=notify.

With --listen it says over HTTP what check would: GET / for all VIPs, GET
/vip/ADDRESS for one. 200 is healthy, 503 is not. The field X-Agent-Check says
which part of its weight the host asks for by its load, for a director's
dynamic_weight.`,
		Example: `  director realserver run --vip 192.0.2.10
  director realserver run --vip 192.0.2.10 --listen 192.0.2.21:9481 --undo-on-exit`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd, args); err != nil {
				return err
			}
			if len(f.options.VIPs) == 0 && !f.source.named() {
				return usagef("realserver run: %w: --vip ADDRESS, --config FILE or --director WHERE", realserver.ErrNoVIP)
			}
			if err := o.logOptions.validate(cmd); err != nil {
				return err
			}
			return o.validate()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A reader of the log that goes away must not leave the host alone.
			signal.Ignore(syscall.SIGPIPE)
			reload, stop := make(chan os.Signal, 1), make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
			defer signal.Stop(reload)
			defer signal.Stop(stop)
			p, err := newKeepProcess(cmd.Context(), f, o, host, o.logger(cmd.ErrOrStderr()))
			if err == nil {
				err = p.run(cmd.Context(), reload, stop)
			}
			if err != nil {
				return fmt.Errorf("realserver run: %w", err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "", "say over HTTP, at this `ADDRESS:PORT`, whether the host is healthy (default: nowhere)")
	flags.DurationVar(&o.interval, "interval", realserver.DefaultInterval, "how often to compare the sysctls, of which the kernel does not tell")
	flags.BoolVar(&o.undo, "undo-on-exit", false, "undo the VIPs at the end")
	flags.BoolVar(&f.options.Prune, "prune", false, "at the start, and at SIGHUP, undo what was applied before and is not listed any more")
	o.logOptions.addFlags(cmd)
	return cmd
}

// validate finds mistakes in the flags.
func (o *keepOptions) validate() error {
	if o.interval < minInterval {
		return usagef("realserver run: --interval %v: %v or more is needed", o.interval, minInterval)
	}
	if o.listen != "" {
		if _, _, err := net.SplitHostPort(o.listen); err != nil {
			return usagef("realserver run: --listen %s: want ADDRESS:PORT", o.listen)
		}
	}
	return nil
}

const (
	minInterval = 10 * time.Millisecond
	// reloadTimeout is how long SIGHUP may take.
	reloadTimeout = 10 * time.Second
)

// keepProcess is `director realserver run`: the keeper, its HTTP server, signals
// and the service manager.
type keepProcess struct {
	flags  *realserverFlags
	host   realserver.Host
	log    *slog.Logger
	keeper *realserver.Keeper
	server *healthServer // nil: none
	notify notifier
	status string // as the service manager was told last; of the keeper's goroutine
}

// newKeepProcess finds out the VIPs and opens the HTTP port, but changes nothing.
func newKeepProcess(ctx context.Context, f *realserverFlags, o keepOptions, host realserver.Host, log *slog.Logger) (*keepProcess, error) {
	p := &keepProcess{flags: f, host: host, log: log, notify: newNotifier(log)}
	options, err := f.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	p.keeper, err = realserver.NewKeeper(realserver.KeeperConfig{
		Options: options, Host: host, Interval: o.interval, UndoOnExit: o.undo, Proc: os.DirFS("/proc"), Looked: p.looked, Log: log,
	})
	if err == nil && o.listen != "" {
		p.server, err = listenHealth(o.listen, p.keeper.Handler(), log)
	}
	return p, err
}

// looked takes the keeper's reports. The first one says that all is applied.
func (p *keepProcess) looked(r realserver.Report) {
	status := keepStatus(r)
	if status == p.status {
		return
	}
	p.notify.send("STATUS=" + status)
	if p.status == "" {
		p.log.Info("ready", "version", programVersion(), "vips", r.VIPs, "pid", os.Getpid())
		p.notify.ready()
	}
	p.status = status
}

// keepStatus is the line that `systemctl status` shows.
func keepStatus(r realserver.Report) string {
	health := "healthy"
	if wrong := r.Wrong(); len(wrong) > 0 {
		health = "UNHEALTHY: " + wrong[0]
	}
	line := fmt.Sprintf("VIPs: %d; put back: %d; %s", len(r.VIPs), r.Mended, health)
	return strings.ReplaceAll(line, "\n", "; ") // a line end would begin another message
}

// run keeps the host until a stop signal or the end of ctx. A second stop signal
// has its default effect.
func (p *keepProcess) run(ctx context.Context, reload, stop <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.server != nil {
		p.server.start()
		defer p.server.close()
	}
	ended := make(chan error, 1)
	go func() { ended <- p.keeper.Run(ctx) }()
	watchdog, tick := p.notify.watchdog()
	defer watchdog()
	for {
		select {
		case err := <-ended:
			if err == nil {
				p.log.Info("stopped")
			}
			return err
		case <-reload:
			p.notify.reloading()
			p.reload(ctx)
			p.notify.ready()
		case s := <-stop:
			signal.Reset(syscall.SIGTERM, syscall.SIGINT)
			stop = nil
			p.log.Info("stopping", "signal", s.String())
			p.notify.stopping()
			cancel()
		case <-tick:
			if p.keeper.Fresh() {
				p.notify.alive()
			}
		}
	}
}

// reload finds out the VIPs again and applies them.
func (p *keepProcess) reload(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	options, refused := p.flags.resolve(ctx, p.host)
	var err error
	if refused == nil {
		err = p.keeper.Update(ctx, options)
	} else {
		err = p.keeper.Reapply(ctx)
	}
	if err = errors.Join(refused, err); err != nil {
		p.log.Error("not all is applied that was asked for", "err", err)
		return
	}
	p.log.Info("applied again")
}
