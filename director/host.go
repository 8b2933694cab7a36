package director

import (
	"context"
	"log/slog"
	"net"
	"net/netip"

	"lvsdr/arpresponder"
	"lvsdr/config"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/guard"
	"lvsdr/healthcheck"
	"lvsdr/healthcheck/via"
	"lvsdr/neighbor"
)

// Links opens the ways on which frames come and go. Everything it opens is of
// the interface with the given index, so that one that was made again under
// the same name is not taken for its predecessor.
type Links interface {
	OpenReceiver(ReceiverConfig) (link.Receiver, error)
	OpenSender(SenderConfig) (link.Sender, error)
	// PreferThread gives the calling thread, that of a worker which waits like
	// this, precedence over what fills its ring. An error means that it has none.
	PreferThread(config.PollMode) error
}

// ReceiverConfig says what a receiver is for.
type ReceiverConfig struct {
	Interface string
	Index     int
	MACs      []frame.MAC // frames to these come up, no others
	Poll      config.PollMode
	Workers   int // receivers that share the interface's flows
	Log       *slog.Logger
}

// SenderConfig says what a sender is for.
type SenderConfig struct {
	Interface string
	Index     int
	Queue     int // of the interface, where each sender needs one of its own
	Send      config.SendMode
	Log       *slog.Logger
}

// Host is the machine that a director runs on. [NewLinuxHost] is the real one.
type Host interface {
	Links
	// Interfaces returns all network interfaces.
	Interfaces() ([]Interface, error)
	// Watch calls changed once it watches, and after every change of an
	// interface or its addresses, until the context ends. Any goroutine calls
	// changed, none after Watch has returned. An error, if it cannot watch; the
	// caller may call it again.
	Watch(ctx context.Context, changed func()) error
	// RouteMTU returns the MTU of the host's route to addr by the interface with
	// the index; 0 if the route names none, or there is none.
	RouteMTU(index int, addr netip.Addr) int
	// OpenResponder opens what answers ARP for the VIPs.
	OpenResponder(arpresponder.Config) (Responder, error)
	// OpenResolver opens what resolves the real servers.
	OpenResolver(neighbor.Config) (Resolver, error)
	// OpenGuard installs the guard if on is set; otherwise it removes what an
	// earlier process left on the interface, and what it returns only looks.
	OpenGuard(c guard.Config, on bool) (Guard, error)
	// OpenWays opens the ways by which probes travel, none at first. What a killed
	// process left is removed.
	OpenWays(via.Config) (Ways, error)
}

// Interface is a network interface of the host.
type Interface struct {
	net.Interface
	Carrier bool
	Addrs   []netip.Prefix
}

// MACAddr returns the interface's address as frames carry it.
func (i *Interface) MACAddr() (mac frame.MAC) {
	copy(mac[:], i.HardwareAddr)
	return mac
}

// State returns "up", "no carrier" or "down".
func (i *Interface) State() string {
	switch {
	case i.Flags&net.FlagUp == 0:
		return "down"
	case !i.Carrier:
		return "no carrier"
	}
	return "up"
}

// Responder is the part of arpresponder.Responder that a director uses.
type Responder interface {
	SetVIPs([]netip.Addr)
	SetRealServers(map[frame.MAC]string)
	Status() []arpresponder.Status
	Run(context.Context) error
	Reopen(*net.Interface, frame.MAC) error
	Close() error
}

// Resolver is the part of neighbor.Resolver that a director uses.
type Resolver interface {
	Set([]netip.Addr)
	Pin(map[netip.Addr]frame.MAC)
	Restore(netip.Addr, frame.MAC)
	Doubt(netip.Addr)
	SetSource(source netip.Addr, refuse []frame.MAC)
	Snapshot() []neighbor.Entry
	Run(context.Context) error
	Reopen(*net.Interface, frame.MAC) error
	Close() error
}

// Guard keeps the host's kernel away from the VIPs' frames, and looks whether
// it is.
type Guard interface {
	Look() []guard.Finding
	Update(vips []netip.Addr) error
	Remove() error
}

// Ways are how probes travel to the real servers: those that ask a VIP as
// [via.Ways] does it, the others by the host's routing.
type Ways interface {
	Check([]via.Server) error
	Set([]via.Server)
	Restore()
	Look() []via.Problem
	Way(healthcheck.Spec, healthcheck.Target) healthcheck.Way
	Close() error
}
