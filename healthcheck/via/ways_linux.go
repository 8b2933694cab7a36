package via

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// Config says where the ways lead.
type Config struct {
	Egress string       // the interface on which real servers are reached
	Log    *slog.Logger // nil: none
}

// Ways are the ways of probes to real servers, as they are in the kernel. Its
// methods may be called from any goroutine, those but Way from a thread in the
// network namespace of Open.
type Ways struct {
	config Config
	lanes  atomic.Pointer[map[netip.Addr]lane] // what probes look at
	probes *inspector                          // whom they ask

	mu     sync.Mutex
	kernel *kernel
	groups *groups
	lock   net.PacketConn // nil: another process has it
	wanted map[netip.Addr]Server
	plan   plan // for those that have a number
	last   int  // number that was given out
	index  int  // of the egress; 0: it can have no routes
	made   entries
	gone   int                    // how many of them were, and are back, since the last Look
	failed map[netip.Addr]error   // by server, what could not be made
	astray map[netip.Addr]errorOf // and what was found later
	closed bool
}

// lane is how to reach a real server: by a mark, unless there is an error.
type lane struct {
	number int
	index  int // of the interface
	vips   []netip.Addr
	astray errorOf
	err    error
}

// errorOf says of VIPs why what is sent there does not go to a server. It is not
// changed.
type errorOf map[netip.Addr]error

// Open returns no ways yet. It removes what a killed process has left, unless
// another one lives that looks after it. Close it.
func Open(c Config) (*Ways, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	k, err := openKernel()
	if err != nil {
		return nil, fmt.Errorf("probes by a VIP: %w", err)
	}
	g, err := newGroups()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("probes by a VIP: %w", err), k.close())
	}
	w := &Ways{config: c, kernel: k, groups: g, made: make(entries), astray: make(map[netip.Addr]errorOf)}
	if w.probes, err = openInspector(); err != nil {
		return nil, errors.Join(fmt.Errorf("probes by a VIP: %w", err), k.close())
	}
	w.publish()
	if err := w.claim(); err != nil {
		c.Log.Info("probes cannot be addressed to a VIP", "why", err)
	}
	return w, nil
}

// lockName is an abstract socket (unix(7)), of which each network namespace has its
// own, and which ends with its process.
const lockName = "@lvsdr-probes"

// claim makes this process the one that has ways, and removes those of one that
// was killed.
func (w *Ways) claim() error {
	if w.lock != nil {
		return nil
	}
	lock, err := new(net.ListenConfig).ListenPacket(context.Background(), "unixgram", lockName)
	if err != nil {
		return fmt.Errorf("another director in this network namespace asks real servers by their VIPs (the socket %s is taken: %w); "+
			"end it, or set via: real", lockName, err)
	}
	w.lock = lock
	left, err := w.kernel.read()
	if err != nil {
		w.config.Log.Warn("rules and routes of a director that was killed may be left", "error", err)
	}
	for _, e := range slices.Backward(left.ours.inOrder()) {
		w.remove(e)
	}
	if err := w.groups.clean(); err != nil {
		w.config.Log.Warn("control groups of a director that was killed are left", "error", err)
	}
	if n := len(left.ours); n > 0 {
		w.config.Log.Info("removed rules and routes that a director left when it was killed", "entries", n)
	}
	return nil
}

func (w *Ways) remove(e entry) {
	if err := w.kernel.remove(e); err != nil {
		w.config.Log.Warn("probes by a VIP", "error", err)
		return
	}
	delete(w.made, e)
}

// Check returns what keeps the servers from ever having ways on this host: another
// process has them, there are too many, or it can put no program on one. It
// changes nothing.
func (w *Ways) Check(servers []Server) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	wanted := merge(servers)
	if len(wanted) == 0 {
		return nil
	}
	if err := w.claim(); err != nil {
		return err
	}
	if len(wanted) > MaxServers {
		return fmt.Errorf("%d real servers are asked by their VIPs, and at most %d can be: set via: real for some", len(wanted), MaxServers)
	}
	if slices.ContainsFunc(servers, func(s Server) bool { return s.Programs }) {
		return w.groups.usable()
	}
	return nil
}

// Set makes ways to these servers, and to no others; one that is named twice has
// the VIPs of both. A way that cannot be made fails the probes that would take it,
// and Look says why.
func (w *Ways) Set(servers []Server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.wanted = merge(servers)
	if len(w.wanted) > 0 || len(w.made) > 0 {
		w.reconcile(w.made)
	}
	maps.DeleteFunc(w.astray, func(a netip.Addr, _ errorOf) bool {
		_, still := w.wanted[a]
		return !still
	})
	w.publish()
}

// Restore puts back what went with the egress when it was down or deleted. That all
// is there costs it one question to the kernel.
func (w *Ways) Restore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.wanted) == 0 || w.sound() {
		return
	}
	if w.claim() != nil {
		return // what the kernel has is another's
	}
	now, err := w.kernel.read()
	if err != nil {
		w.config.Log.Warn("probes by a VIP: the routing could not be looked at", "error", err)
		return
	}
	gone := w.gone
	w.reconcile(now.ours)
	w.gone = gone // the kernel removed it
	w.publish()
}

// sound reports whether the routes are there, by the first: they go all at once.
func (w *Ways) sound() bool {
	index, err := w.kernel.egress(w.config.Egress)
	if err != nil || index != w.index || len(w.failed) > 0 {
		return false
	}
	for addr, s := range w.plan.servers {
		return len(s.VIPs) == 0 || w.follow(addr, s.VIPs[0]) == nil
	}
	return true
}

// renumber plans the wanted servers, each with a number of its own: the one it
// has, or one whose mark and table nobody uses. One that can have none fails.
func (w *Ways) renumber() {
	next := plan{priority: w.plan.priority, numbers: make(map[netip.Addr]int), servers: make(map[netip.Addr]Server)}
	taken := make(map[int]bool)
	var fresh []netip.Addr
	for a, s := range w.wanted {
		n, known := w.plan.numbers[a]
		if !known {
			fresh = append(fresh, a)
			continue
		}
		next.numbers[a], next.servers[a], taken[n] = n, s, true
	}
	former := w.plan
	w.plan = next
	if len(fresh) == 0 {
		return
	}
	others, err := w.others(len(former.servers) == 0)
	slices.SortFunc(fresh, netip.Addr.Compare)
	for _, a := range fresh {
		n := 0
		if err == nil {
			n, err = w.freeNumber(taken, others)
		}
		if err != nil {
			w.failed[a] = err
			continue
		}
		next.numbers[a], next.servers[a], taken[n] = n, w.wanted[a], true
	}
}

// others returns the rules of others, and chooses the priorities of ours if there
// are none yet.
func (w *Ways) others(first bool) ([]foreign, error) {
	if err := w.claim(); err != nil {
		return nil, err
	}
	_, others, err := w.kernel.rules()
	if err == nil && first {
		w.plan.priority, err = freePriority(others)
	}
	return others, err
}

// freeNumber returns the next number that is free, so that one that was just given
// back rests.
func (w *Ways) freeNumber(taken map[int]bool, others []foreign) (int, error) {
	for range MaxServers {
		w.last = w.last%MaxServers + 1
		n := w.last
		if taken[n] || slices.ContainsFunc(others, func(f foreign) bool { return f.takes(n) }) {
			continue
		}
		used, err := w.kernel.inUse(table(n))
		if err != nil {
			return 0, fmt.Errorf("list routes of table %d: %w", table(n), err)
		}
		if !used {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no mark and table are free (%d servers, %d rules of others): set via: real for some", len(taken), len(others))
}

// reconcile makes the kernel have what is planned, if it has actual, and counts how
// much of what it had was gone.
func (w *Ways) reconcile(actual entries) {
	w.failed = make(map[netip.Addr]error)
	w.renumber()
	index, down := w.kernel.egress(w.config.Egress)
	planned := w.plan.entries(index)
	if err := w.leaveOut(planned); err != nil {
		down = errors.Join(down, err)
	}
	before, same := w.made, index == w.index
	w.made, w.index = actual, index
	for _, e := range slices.Backward(actual.without(planned).inOrder()) {
		w.remove(e)
	}
	for _, e := range planned.without(actual).inOrder() {
		if _, had := before[e]; had && same {
			w.gone++
		}
		if err := w.kernel.add(e); err != nil {
			w.fail(planned[e], err)
			continue
		}
		w.made[e] = planned[e]
	}
	if down != nil {
		w.fail(netip.Addr{}, down)
	}
	w.setGroups()
}

// leaveOut takes the neighbour entries out of what is planned that somebody else
// has made permanent. A server fails of which they say otherwise than its pinned
// MAC address.
func (w *Ways) leaveOut(planned entries) error {
	pins := make(map[place]neighbor)
	for e := range planned {
		if n, ok := e.(neighbor); ok {
			pins[place{n.addr, n.index}] = n
		}
	}
	if len(pins) == 0 {
		return nil
	}
	_, others, err := w.kernel.neighbors()
	if err != nil {
		return fmt.Errorf("list neighbours: %w", err)
	}
	for _, o := range others {
		n, both := pins[place{o.addr, o.index}]
		if !both {
			continue
		}
		if n.mac != o.mac {
			w.fail(planned[n], fmt.Errorf("%v is pinned to %v, and this host has a permanent neighbour entry with %v: ip neigh del %v dev %s",
				n.addr, n.mac, o.mac, n.addr, w.config.Egress))
		}
		delete(planned, n)
	}
	return nil
}

// fail notes why a server has no way; the zero address: none has.
func (w *Ways) fail(server netip.Addr, err error) {
	if server.IsValid() {
		w.failed[server] = errors.Join(w.failed[server], err)
		return
	}
	for a := range w.plan.servers {
		w.failed[a] = errors.Join(w.failed[a], err)
	}
}

// setGroups gives each server that a program asks its control group.
func (w *Ways) setGroups() {
	wanted := make(map[int]bool)
	for a, s := range w.plan.servers {
		if !s.Programs {
			continue
		}
		n := w.plan.numbers[a]
		wanted[n] = true
		if err := w.groups.add(n); err != nil {
			w.fail(a, err)
		}
	}
	if err := w.groups.keep(wanted); err != nil {
		w.config.Log.Warn("probes by a VIP", "error", err)
	}
}

// publish tells probes what there is.
func (w *Ways) publish() {
	lanes := make(map[netip.Addr]lane, len(w.plan.servers))
	for a, n := range w.plan.numbers {
		lanes[a] = lane{n, w.index, w.plan.servers[a].VIPs, w.astray[a], w.failed[a]}
	}
	for a, err := range w.failed {
		if _, has := lanes[a]; !has {
			lanes[a] = lane{err: err}
		}
	}
	w.lanes.Store(&lanes)
}

// Close removes all ways. Probes fail from then on.
func (w *Ways) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	w.plan, w.wanted = plan{}, nil
	w.failed, w.astray = nil, nil
	w.publish()
	var errs []error
	if w.lock != nil {
		left, err := w.kernel.read()
		errs = append(errs, err)
		maps.Copy(left.ours, w.made)
		for _, e := range slices.Backward(left.ours.inOrder()) {
			errs = append(errs, w.kernel.remove(e))
		}
		errs = append(errs, w.groups.removeAll(), w.lock.Close())
	}
	errs = append(errs, w.kernel.close(), w.probes.close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("probes by a VIP: %w", err)
	}
	return nil
}
