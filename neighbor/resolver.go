package neighbor

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"lvsdr/arp"
	"lvsdr/frame"
)

// Config is what a [Resolver] is made of.
type Config struct {
	// Interface is where the real servers are. Index, Name and HardwareAddr are
	// used.
	Interface *net.Interface
	// MAC is in whose name requests are sent; the default is the interface's
	// own.
	MAC frame.MAC
	// Source is our IPv4 address on the segment; without one, requests are sent
	// with the sender address 0.0.0.0.
	Source netip.Addr
	// Refuse are MAC addresses that no real server can have: the virtual one and
	// those of our other interfaces. MAC and the interface's own are refused
	// anyhow.
	Refuse []frame.MAC
	// Log defaults to slog.Default. Each event is one line.
	Log *slog.Logger
	// Notify, if set, is called when the MAC address to use is known, confirmed
	// after a failure or changed (ok), and when nobody answers any more (not ok;
	// mac is the last one known, or zero). Events, if set, is called for each
	// event, before Notify. Both are called by the goroutine of Run; they must
	// not block, and may call the resolver.
	Notify func(addr netip.Addr, mac frame.MAC, ok bool)
	Events func(Event)
	// Listen opens the socket; the default is [arp.Listen].
	Listen func(*net.Interface, frame.MAC) (arp.Socket, error)

	jitter func(time.Duration) time.Duration // of Options
}

// Resolver keeps the MAC addresses of real servers on one interface. Its
// methods may be called from any goroutine.
type Resolver struct {
	log     *slog.Logger
	events  func(Event)
	notify  func(netip.Addr, frame.MAC, bool)
	machine *Machine // within station.Change and station.Look
	station *arp.Station[Event]
}

// New opens the socket, which needs CAP_NET_RAW, in the network namespace of
// the calling thread. Nothing is sent before Run.
func New(c Config) (*Resolver, error) {
	r := &Resolver{
		log: cmp.Or(c.Log, slog.Default()), events: c.Events, notify: c.Notify,
		machine: NewMachine(Options{Source: c.Source, Refuse: c.Refuse, Jitter: c.jitter}),
	}
	r.station = arp.NewStation(arp.Config[Event]{
		Machine: r.machine, Purpose: "resolve real servers", Report: r.report, Log: c.Log, Listen: c.Listen,
	})
	if err := r.Reopen(c.Interface, c.MAC); err != nil {
		return nil, err
	}
	return r, nil
}

// Run asks, listens and verifies until ctx is done, and then returns nil. It
// survives a link that goes down and comes back. When the interface is deleted
// it returns an error that wraps [arp.ErrInterfaceGone]. The socket is closed
// when Run returns.
func (r *Resolver) Run(ctx context.Context) error { return r.station.Run(ctx) }

// Reopen replaces the socket after Run has returned, as for an interface that
// was made again. What was known stays known, and everybody is asked again when
// Run is called. A zero mac is the interface's own.
func (r *Resolver) Reopen(ifi *net.Interface, mac frame.MAC) error { return r.station.Open(ifi, mac) }

// SetSource replaces Config.Source and Config.Refuse, as when the host's
// addresses have changed. What is known stays known. It may be called while Run
// runs, and before Reopen.
func (r *Resolver) SetSource(source netip.Addr, refuse []frame.MAC) {
	r.station.Change(func(now time.Time) []arp.Action { return r.machine.SetSource(now, source, refuse) })
}

// Close closes the socket. Run, if it is running, returns [arp.ErrNotOpen].
func (r *Resolver) Close() error { return r.station.Close() }

// Set replaces the addresses to resolve; addresses other than IPv4 are skipped.
func (r *Resolver) Set(addrs []netip.Addr) {
	r.station.Change(func(now time.Time) []arp.Action { return r.machine.Set(now, addrs) })
}

// Pin replaces the addresses whose MAC address is given; they are never asked
// for.
func (r *Resolver) Pin(macs map[netip.Addr]frame.MAC) {
	r.station.Change(func(now time.Time) []arp.Action { return r.machine.Pin(now, macs) })
}

// Restore gives the MAC address that a set address had in an earlier run, to be
// used until another is confirmed.
func (r *Resolver) Restore(addr netip.Addr, mac frame.MAC) {
	r.station.Change(func(now time.Time) []arp.Action { return r.machine.Restore(now, addr, mac) })
}

// Doubt asks for a server now that is silent otherwise, as when its health
// check fails: it may have another MAC address.
func (r *Resolver) Doubt(addr netip.Addr) {
	r.station.Change(func(now time.Time) []arp.Action { return r.machine.Doubt(now, addr) })
}

// Lookup returns the MAC address to send to; ok says whether there is one. It
// takes a lock and is not for the forward path.
func (r *Resolver) Lookup(addr netip.Addr) (mac frame.MAC, ok bool) {
	r.station.Look(func() { mac, ok = r.machine.Lookup(addr) })
	return mac, ok
}

// Snapshot returns all real servers, by address.
func (r *Resolver) Snapshot() (all []Entry) {
	r.station.Look(func() { all = r.machine.Snapshot() })
	return all
}

// Stats returns the counters of received frames.
func (r *Resolver) Stats() (st Stats) {
	r.station.Look(func() { st = r.machine.Stats() })
	return st
}

// SendErrors returns how many frames the kernel did not take.
func (r *Resolver) SendErrors() uint64 { return r.station.SendErrors() }

// report is called by the goroutine of Run.
func (r *Resolver) report(e Event) {
	level := slog.LevelWarn
	if e.Kind == Resolved || e.Kind == Changed {
		level = slog.LevelInfo
	}
	r.log.Log(context.Background(), level, e.String(), slog.String("event", string(e.Kind)),
		slog.String("interface", r.station.Interface()), slog.String("real_server", e.Addr.String()), slog.String("mac", e.MAC.String()))
	if r.events != nil {
		r.events(e)
	}
	if r.notify == nil {
		return
	}
	switch e.Kind {
	case Resolved, Changed:
		r.notify(e.Addr, e.MAC, true)
	case Failed:
		r.notify(e.Addr, e.MAC, false)
	}
}
