package realserver

import (
	"context"
	"log/slog"
	"time"
)

// newsPause is how long a Keeper waits before it subscribes again.
const newsPause = time.Second

// news is a subscription to a host's changes, made again when it breaks off. A
// host that is no Watcher has none.
type news struct {
	host    Host
	log     *slog.Logger
	changed <-chan struct{}
	again   <-chan time.Time // when to subscribe again
	cancel  context.CancelFunc
}

// open subscribes.
func (n *news) open() error {
	w, ok := n.host.(Watcher)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	changed, err := w.Watch(ctx)
	if err != nil {
		cancel()
		return err
	}
	n.changed, n.cancel = changed, cancel
	return nil
}

// close ends the subscription and waits until all is freed.
func (n *news) close() {
	if n.changed == nil {
		return
	}
	n.cancel()
	for range n.changed {
	}
	n.changed = nil
}

// lost notes that the channel was closed.
func (n *news) lost() {
	n.close()
	n.log.Warn("the kernel's news of changes broke off; subscribing again", "in", newsPause)
	n.again = time.After(newsPause)
}

// reopen subscribes again. What happened in between has to be looked for.
func (n *news) reopen() {
	n.again = nil
	if err := n.open(); err != nil {
		n.log.Warn("no news of changes; looking at intervals meanwhile", "every", lookEvery, "err", err)
		n.again = time.After(newsPause)
	}
}
