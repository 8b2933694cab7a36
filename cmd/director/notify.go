package main

import (
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifier tells the service manager how the process is (sd_notify(3)); it
// does nothing where there is none.
type notifier struct {
	log      *slog.Logger
	interval time.Duration // in which the watchdog wants to hear; 0: it does not
}

func newNotifier(log *slog.Logger) notifier {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog is not served", "err", err)
	}
	return notifier{log, interval / 2}
}

func (n notifier) ready()    { n.send(daemon.SdNotifyReady) }
func (n notifier) stopping() { n.send(daemon.SdNotifyStopping) }
func (n notifier) alive()    { n.send(daemon.SdNotifyWatchdog) }
func (n notifier) reloading() {
	n.send(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

func (n notifier) send(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.log.Warn("the service manager was not told", "state", state, "err", err)
	}
}

// watchdog returns a channel that says when to tell that the process is alive.
func (n notifier) watchdog() (stop func(), tick <-chan time.Time) {
	if n.interval == 0 {
		return func() {}, nil
	}
	t := time.NewTicker(n.interval)
	return t.Stop, t.C
}
