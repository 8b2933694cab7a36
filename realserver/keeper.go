package realserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// DefaultInterval is how often a Keeper compares sysctls.
const DefaultInterval = time.Second

const (
	// lookEvery is how old a Report becomes while nothing happens.
	lookEvery = 5 * time.Second
	// maxAge is how old a Report may be and still be believed.
	maxAge = 3 * lookEvery
	// A Keeper looks at the host at once when something changed, but after a
	// burst of looks only at an interval, so that whoever changes things all the
	// time cannot keep it busy.
	lookBurst = 10
	lookPause = 500 * time.Millisecond
)

// KeeperConfig says what a Keeper keeps, and how.
type KeeperConfig struct {
	// Options are those of Apply. VIPs are needed. Prune counts at the start and
	// for Update.
	Options Options
	// Host is told of changes by its Watch, when it is a Watcher.
	Host Host
	// Interval is how often sysctls are compared: the kernel does not tell of
	// arp_ignore and arp_announce. 0 is DefaultInterval.
	Interval time.Duration
	// UndoOnExit has Run undo at its end every VIP that it has kept.
	UndoOnExit bool
	// Proc is /proc, for the load that the Handler says; nil: it says none.
	Proc fs.FS
	// Looked, when set, gets every Report, from the goroutine of Run. The first
	// one says that all is applied.
	Looked func(Report)
	// Log takes what an operator should know; nil is slog.Default.
	Log *slog.Logger
}

// Keeper keeps a host a real server: it applies, watches, applies again what
// somebody or something changed, and says how the host is. What Undo restores
// stays what the first Apply found.
type Keeper struct {
	config KeeperConfig
	log    *slog.Logger
	ask    chan request
	last   atomic.Pointer[reports]

	// The rest is of the goroutine of Run.
	options Options      // with defaults
	usable  Options      // those, at the last look, with the interfaces that are there
	applied []netip.Addr // every VIP that was kept
	inHand  *inHand
	seen    *glance // at the last look
	pending bool    // something changed since
	looks   limiter
	refused refusal
	mended  int       // settings put back
	drifts  seriesSet // by setting
	health  series
	told    []string // what was wrong when last told
}

// NewKeeper judges the configuration; it does nothing yet.
func NewKeeper(c KeeperConfig) (*Keeper, error) {
	o, err := c.Options.withDefaults()
	if err == nil {
		_, err = lookupMethod(o.Method)
	}
	switch {
	case err != nil:
		return nil, err
	case len(o.VIPs) == 0:
		return nil, ErrNoVIP
	case c.Interval < 0:
		return nil, fmt.Errorf("interval %v: a time above 0 is needed", c.Interval)
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	k := &Keeper{
		config: c, options: o, log: c.Log, ask: make(chan request),
		looks: limiter{burst: lookBurst, every: lookPause}, drifts: seriesSet{},
	}
	k.last.Store(unseen(o.VIPs))
	return k, nil
}

// Run keeps the host until ctx ends. It returns an error at once, and has changed
// nothing, when the VIPs cannot be applied now or another Keeper has one of them
// in hand; later it goes on trying. All of the host is read and changed by the
// calling goroutine. Call it once.
func (k *Keeper) Run(ctx context.Context) error {
	r, err := newRunner(k.options, k.config.Host)
	if err != nil {
		return err
	}
	// Says what is missing, such as privileges, better than what comes next.
	if _, err := r.prepare(); err != nil {
		return err
	}
	if err := r.host.Preflight(nil, nil); err != nil {
		return err
	}
	if k.inHand, err = r.store.hold(k.options.VIPs); err != nil {
		return err
	}
	defer func() { k.inHand.drop(k.inHand.vips()) }()
	news := news{host: k.config.Host, log: k.log}
	if err := news.open(); err != nil {
		return err
	}
	defer news.close()
	// What happens from here on is in the news.
	if err := k.begin(k.options); err != nil {
		return err
	}
	k.look(time.Now(), false)
	k.loop(ctx, &news)
	return k.end()
}

// begin applies and, from then on, keeps what o says.
func (k *Keeper) begin(o Options) error {
	plan, err := k.apply(o)
	if err != nil {
		return err
	}
	for _, step := range plan.Steps {
		k.log.Info("applied", changed(step.Change)...)
	}
	k.tellUndone(plan.Undone)
	o.Prune = false
	k.options = o
	k.applied = sortedAddrs(append(k.applied, o.VIPs...))
	return nil
}

// apply is Apply, by one who has VIPs in hand.
func (k *Keeper) apply(o Options) (*Plan, error) {
	r, err := newRunner(o, k.config.Host)
	if err != nil {
		return nil, err
	}
	r.keeps = k.inHand.vips()
	return r.apply()
}

// loop looks whenever there is reason to, until ctx ends.
func (k *Keeper) loop(ctx context.Context, news *news) {
	compare := time.NewTicker(k.config.Interval)
	defer compare.Stop()
	due := time.NewTimer(lookEvery)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case asked := <-k.ask:
			asked.answer <- k.serve(asked)
		case _, open := <-news.changed:
			k.pending = true
			if !open {
				news.lost()
			}
		case <-news.again:
			k.pending = true
			news.reopen()
		case <-compare.C:
			k.pending = k.pending || k.seen.outdated()
		case <-due.C:
			k.pending = true
		}
		if now := time.Now(); k.pending && k.looks.wait(now) == 0 {
			k.looks.take(now)
			k.look(now, false)
		}
		due.Reset(k.nextLook(time.Now()))
	}
}

// nextLook returns how long to wait for the next look if nothing happens.
func (k *Keeper) nextLook(now time.Time) time.Duration {
	if k.pending {
		return k.looks.wait(now)
	}
	next := k.last.Load().all.Checked.Add(lookEvery)
	if k.refused.plan != "" && k.refused.until.Before(next) {
		next = k.refused.until
	}
	return max(0, next.Sub(now))
}

// end says that the Keeper keeps nothing any more and, if it is to, undoes.
func (k *Keeper) end() error {
	k.stopped()
	if !k.config.UndoOnExit {
		return nil
	}
	o := k.options
	o.VIPs = k.applied
	r, err := newRunner(o, k.config.Host)
	if err != nil {
		return err
	}
	others, err := r.store.held(without(k.applied, k.options.VIPs))
	if err != nil {
		return err
	}
	r.options.VIPs = without(k.applied, others)
	r.options.Runtime = true // a boot is somebody else's to say
	undone, err := r.undo()
	k.tellUndone(undone)
	if errors.Is(err, ErrNothingApplied) {
		return nil
	}
	return err
}
