package memhost

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"lvsdr/arpresponder"
	"lvsdr/director"
	"lvsdr/guard"
	"lvsdr/healthcheck/via"
	"lvsdr/neighbor"
)

// Operation is something that a director asks of its host.
type Operation string

// The operations that [Host.Fail] can make fail.
const (
	ListInterfaces  Operation = "list interfaces"
	WatchInterfaces Operation = "watch interfaces" // also one that goes on
	OpenReceiver    Operation = "open receiver"
	OpenSender      Operation = "open sender"
	OpenResponder   Operation = "open responder"
	OpenResolver    Operation = "open resolver"
	OpenGuard       Operation = "open guard"
	UpdateGuard     Operation = "update guard"
	OpenWays        Operation = "open ways"
	CheckWays       Operation = "check ways"
	ReadARP         Operation = "read ARP" // by responder and resolver
)

// Host is a machine in memory. Its methods, and those of its interfaces, may
// be called from any goroutine.
type Host struct {
	mu         sync.Mutex
	interfaces []*Interface
	lastIndex  int
	failures   map[Operation]error
	watchers   map[chan struct{}]bool
	servers    map[netip.AddrPort]Server

	guarded    string // the interface on which the guard is; "": none
	vips       []netip.Addr
	forwarding bool
	findings   []guard.Finding
	ways       *hostWays // nil: there are none
	problems   []via.Problem
}

var _ director.Host = (*Host)(nil)

// New returns a host without interfaces.
func New() *Host {
	return &Host{
		failures: make(map[Operation]error),
		watchers: make(map[chan struct{}]bool),
		servers:  make(map[netip.AddrPort]Server),
	}
}

// Fail makes an operation fail with err, or work again if err is nil.
func (h *Host) Fail(o Operation, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures[o] = err
	if o == WatchInterfaces && err != nil {
		h.changed()
	}
	for _, i := range h.interfaces {
		for s := range i.sockets {
			s.ring()
		}
	}
}

// Interfaces returns those that exist. See [director.Host].
func (h *Host) Interfaces() (all []director.Interface, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, i := range h.interfaces {
		if i.exists {
			all = append(all, i.describe())
		}
	}
	return all, h.failures[ListInterfaces]
}

// RouteMTU returns what [Interface.SetRoute] said. See [director.Host].
func (h *Host) RouteMTU(index int, addr netip.Addr) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := h.byIndex(index); i != nil {
		return i.routes[addr]
	}
	return 0
}

// Watch waits for changes. See [director.Host].
func (h *Host) Watch(ctx context.Context, changed func()) error {
	news := make(chan struct{}, 1)
	h.mu.Lock()
	h.watchers[news] = true
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, news)
	}()
	for {
		h.mu.Lock()
		err := h.failures[WatchInterfaces]
		h.mu.Unlock()
		if err != nil {
			return err
		}
		changed()
		select {
		case <-news:
		case <-ctx.Done():
			return nil
		}
	}
}

// changed tells all who watch. h.mu is held.
func (h *Host) changed() {
	for news := range h.watchers {
		select {
		case news <- struct{}{}:
		default: // it has not looked since the last time
		}
	}
}

// byIndex finds an interface that exists, or nil. h.mu is held.
func (h *Host) byIndex(index int) *Interface {
	n := slices.IndexFunc(h.interfaces, func(i *Interface) bool { return i.exists && i.index == index })
	if n < 0 {
		return nil
	}
	return h.interfaces[n]
}

// OpenResponder returns a real responder on a socket in memory.
func (h *Host) OpenResponder(c arpresponder.Config) (director.Responder, error) {
	if err := h.failure(OpenResponder); err != nil {
		return nil, err
	}
	c.Listen = h.listen
	r, err := arpresponder.New(c)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// OpenResolver returns a real resolver on a socket in memory.
func (h *Host) OpenResolver(c neighbor.Config) (director.Resolver, error) {
	if err := h.failure(OpenResolver); err != nil {
		return nil, err
	}
	c.Listen = h.listen
	r, err := neighbor.New(c)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (h *Host) failure(o Operation) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failures[o]
}
