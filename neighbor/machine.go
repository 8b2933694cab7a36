package neighbor

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"lvsdr/frame"
)

// Options are what a [Machine] is made of.
type Options struct {
	// MAC is in whose name requests are sent: the egress interface's.
	MAC frame.MAC
	// Source is our IPv4 address on the segment. Without one, requests are sent
	// in the form of a probe (RFC 5227), with the sender address 0.0.0.0.
	Source netip.Addr
	// Refuse are further MAC addresses that no real server can have, such as
	// the virtual one and those of our other interfaces.
	Refuse []frame.MAC
	// Jitter returns a duration in [0, max). The default is random.
	Jitter func(maximum time.Duration) time.Duration
}

// Machine decides what is asked and what is believed. All times given to it
// must come from one clock and not go back. It is not safe for concurrent use.
type Machine struct {
	opts    Options
	resolve map[netip.Addr]bool
	pins    map[netip.Addr]frame.MAC
	entries map[netip.Addr]*entry
	order   []*entry // by address, so that equal input gives equal output
	down    bool     // the link is
	stats   Stats
	actions []Action
}

// NewMachine returns a machine without real servers whose link is up.
func NewMachine(o Options) *Machine {
	if o.Jitter == nil {
		o.Jitter = rand.N[time.Duration]
	}
	m := &Machine{entries: make(map[netip.Addr]*entry), opts: Options{Jitter: o.Jitter}}
	m.SetSelf(o.MAC, o.Source, o.Refuse...)
	return m
}

// SetSelf changes in whose name requests are sent, as when the interface was
// made again.
func (m *Machine) SetSelf(mac frame.MAC, source netip.Addr, refuse ...frame.MAC) {
	if source = source.Unmap(); !source.Is4() {
		source = netip.IPv4Unspecified()
	}
	m.opts.MAC, m.opts.Source, m.opts.Refuse = mac, source, slices.Clone(refuse)
}

// Set replaces the addresses to resolve. New ones are asked for at once, those
// that stay go on undisturbed, removed ones are forgotten. Addresses that are
// not IPv4 are left to neighbour discovery and skipped.
func (m *Machine) Set(now time.Time, addrs []netip.Addr) []Action {
	m.resolve = make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() && !a.IsUnspecified() {
			m.resolve[a] = true
		}
	}
	m.arrange(now)
	return m.Tick(now)
}

// Pin replaces the addresses whose MAC address the operator gives. They are
// never asked for, also when they were given to Set; one that is no longer
// pinned but set keeps its MAC address until another is confirmed.
func (m *Machine) Pin(now time.Time, macs map[netip.Addr]frame.MAC) []Action {
	m.pins = make(map[netip.Addr]frame.MAC, len(macs))
	for a, mac := range macs {
		m.pins[a.Unmap()] = mac
	}
	m.arrange(now)
	return m.Tick(now)
}

// arrange makes the entries those that are set or pinned.
func (m *Machine) arrange(now time.Time) {
	maps.DeleteFunc(m.entries, func(a netip.Addr, _ *entry) bool {
		_, pinned := m.pins[a]
		return !pinned && !m.resolve[a]
	})
	for a := range m.resolve {
		if m.entries[a] == nil {
			m.entries[a] = &entry{addr: a, state: Resolving, since: now, next: now}
		}
	}
	for a := range m.pins {
		if m.entries[a] == nil {
			m.entries[a] = &entry{addr: a}
		}
	}
	m.order = slices.SortedFunc(maps.Values(m.entries), func(a, b *entry) int { return a.addr.Compare(b.addr) })
	for _, e := range m.order {
		if mac, ok := m.pins[e.addr]; ok {
			m.pin(now, e, mac)
		} else if e.state == Pinned {
			*e = entry{addr: e.addr, mac: e.mac, state: Restored, since: now, next: now}
		}
	}
}

func (m *Machine) pin(now time.Time, e *entry, mac frame.MAC) {
	if e.state == Pinned && e.mac == mac {
		return
	}
	*e = entry{addr: e.addr, mac: mac, state: Pinned, since: now}
	m.event(Event{Time: now, Kind: Resolved, Addr: e.addr, MAC: mac})
	m.duplicates(now, e)
}

// Restore gives the MAC address that an address had in an earlier run. It is
// used until another is confirmed. It means nothing for an address that is not
// set, that has a MAC address already, or for one that no server can have.
func (m *Machine) Restore(now time.Time, addr netip.Addr, mac frame.MAC) []Action {
	e := m.entries[addr.Unmap()]
	if e == nil || !e.mac.IsZero() || m.impossible(mac) != "" {
		return nil
	}
	e.mac = mac
	e.enter(now, Restored)
	m.event(Event{Time: now, Kind: Resolved, Addr: e.addr, MAC: mac})
	m.duplicates(now, e)
	return m.take()
}

// SetLink tells the machine whether the link carries frames. While it does
// not, nothing is asked; when it does again, everybody is.
func (m *Machine) SetLink(now time.Time, up bool) []Action {
	if m.down == !up {
		return nil
	}
	m.down = !up
	if m.down {
		return nil
	}
	for _, e := range m.order {
		if e.state != Pinned {
			e.restart(now)
		}
	}
	return m.Tick(now)
}

// Next returns when Tick is due, or the zero time for never.
func (m *Machine) Next() (next time.Time) {
	if m.down {
		return next
	}
	for _, e := range m.order {
		next = earlier(next, e.due())
	}
	return next
}

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Tick does what is due.
func (m *Machine) Tick(now time.Time) []Action {
	for _, e := range m.order {
		if m.down {
			break
		}
		if due(now, e.next) {
			m.step(now, e)
		}
		if due(now, e.check.next) {
			m.stepVerify(now, e)
		}
	}
	return m.take()
}

func due(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }

// request asks one host, or by broadcast all of them, for e's address.
func (m *Machine) request(e *entry, to frame.MAC) {
	m.actions = append(m.actions, Send{Packet{
		Destination: to,
		Source:      m.opts.MAC,
		Operation:   Request,
		SenderMAC:   m.opts.MAC,
		SenderIP:    m.opts.Source,
		TargetIP:    e.addr,
	}})
}

func (m *Machine) event(e Event) { m.actions = append(m.actions, e) }

// take hands out the actions gathered since the last call.
func (m *Machine) take() []Action {
	a := m.actions
	m.actions = nil
	return a
}

// impossible says why no real server can have mac, or "".
func (m *Machine) impossible(mac frame.MAC) string {
	switch {
	case mac.IsZero():
		return "it is zero"
	case mac.IsMulticast():
		return "it is a group address"
	case mac == m.opts.MAC, slices.Contains(m.opts.Refuse, mac):
		return "it is our own"
	}
	return ""
}
