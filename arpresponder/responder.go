package arpresponder

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

// Config is what a [Responder] is made of.
type Config struct {
	// Interface is where the VIPs are answered for. Index, Name and
	// HardwareAddr are used.
	Interface *net.Interface
	// MAC answers for the VIPs; the default is the interface's own.
	MAC frame.MAC
	// Conflict defaults to Refuse.
	Conflict ConflictMode
	// VIPs to begin with; SetVIPs replaces them.
	VIPs []netip.Addr
	// RealServers have the MAC addresses of our real servers and the names to
	// report; SetRealServers replaces them.
	RealServers map[frame.MAC]string
	// Log defaults to slog.Default. Each event is one line.
	Log *slog.Logger
	// Events, if set, is called for each event, by the goroutine of Run. It must
	// not block; it may call the responder.
	Events func(Event)
	// Listen opens the socket; the default is [arp.Listen].
	Listen func(*net.Interface, frame.MAC) (arp.Socket, error)

	jitter func(time.Duration) time.Duration // of Options
}

// Responder answers for the VIPs on one interface. Its methods may be called
// from any goroutine.
type Responder struct {
	log     *slog.Logger
	events  func(Event)
	machine *Machine // within station.Change and station.Look
	station *arp.Station[Event]
}

// New opens the socket, which needs CAP_NET_RAW, in the network namespace of
// the calling thread. Nothing is sent before Run.
func New(c Config) (*Responder, error) {
	r := &Responder{
		log: cmp.Or(c.Log, slog.Default()), events: c.Events,
		machine: NewMachine(Options{Conflict: c.Conflict, Jitter: c.jitter}),
	}
	r.station = arp.NewStation(arp.Config[Event]{
		Machine: r.machine, Purpose: "answer ARP", Report: r.report, Log: c.Log, Listen: c.Listen,
	})
	if err := r.Reopen(c.Interface, c.MAC); err != nil {
		return nil, err
	}
	r.SetRealServers(c.RealServers)
	r.SetVIPs(c.VIPs)
	return r, nil
}

// Run probes, claims, answers and defends until ctx is done, and then returns
// nil. It survives a link that goes down and comes back. When the interface is
// deleted it returns an error that wraps [arp.ErrInterfaceGone]. The socket is
// closed when Run returns.
func (r *Responder) Run(ctx context.Context) error { return r.station.Run(ctx) }

// Reopen replaces the socket after Run has returned, as for an interface that
// was made again. What was claimed stays claimed and is announced when Run is
// called. A zero mac is the interface's own.
func (r *Responder) Reopen(ifi *net.Interface, mac frame.MAC) error { return r.station.Open(ifi, mac) }

// Close closes the socket. Run, if it is running, returns [arp.ErrNotOpen].
func (r *Responder) Close() error { return r.station.Close() }

// SetVIPs replaces the set of VIPs; addresses other than IPv4 are skipped.
func (r *Responder) SetVIPs(vips []netip.Addr) {
	r.station.Change(func(now time.Time) []arp.Action { return r.machine.SetVIPs(now, vips) })
}

// SetRealServers replaces the MAC addresses of the real servers and their names.
func (r *Responder) SetRealServers(names map[frame.MAC]string) {
	r.station.Change(func(now time.Time) []arp.Action { return r.machine.SetRealServers(now, names) })
}

// Announce repeats the announcements of all claimed VIPs. The responder does
// so by itself when its link comes back; call it when the director became
// active in another way.
func (r *Responder) Announce() { r.station.Change(r.machine.Announce) }

// Status returns all VIPs, by address.
func (r *Responder) Status() (all []Status) {
	r.station.Look(func() { all = r.machine.Status() })
	return all
}

// Stats returns the counters of received frames.
func (r *Responder) Stats() (st Stats) {
	r.station.Look(func() { st = r.machine.Stats() })
	return st
}

// SendErrors returns how many frames the kernel did not take.
func (r *Responder) SendErrors() uint64 { return r.station.SendErrors() }

// report is called by the goroutine of Run.
func (r *Responder) report(e Event) {
	level := slog.LevelWarn
	attrs := []slog.Attr{
		slog.String("event", string(e.Kind)),
		slog.String("interface", r.station.Interface()), slog.String("vip", e.VIP.String()),
	}
	if e.Kind == Claimed {
		level = slog.LevelInfo
	} else {
		attrs = append(attrs, slog.String("mac", e.MAC.String()))
	}
	r.log.LogAttrs(context.Background(), level, e.String(), attrs...)
	if r.events != nil {
		r.events(e)
	}
}
