package neighbor

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"lvsdr/arp"
	"lvsdr/frame"
)

// Options are what a [Machine] is made of.
type Options struct {
	// MAC is in whose name requests are sent: the egress interface's.
	MAC frame.MAC
	// Own is the interface's own MAC address where MAC is another.
	Own frame.MAC
	// Source is our IPv4 address on the segment. Without one, requests are sent
	// in the form of a probe (RFC 5227), with the sender address 0.0.0.0.
	Source netip.Addr
	// Refuse are MAC addresses, besides MAC and Own, that no real server can have:
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
	order   []*entry  // by address, so that equal input gives equal output
	down    bool      // the link is
	next    time.Time // no real server is due before; zero: none is ever
	stats   Stats
	actions []arp.Action
}

// NewMachine returns a machine without real servers whose link is up.
func NewMachine(o Options) *Machine {
	if o.Jitter == nil {
		o.Jitter = rand.N[time.Duration]
	}
	o.Own = cmp.Or(o.Own, o.MAC)
	m := &Machine{entries: make(map[netip.Addr]*entry), opts: o}
	m.SetSource(time.Time{}, o.Source, o.Refuse)
	return m
}

// SetSource replaces Options.Source and Options.Refuse, as when the host's
// addresses have changed. What is known stays; with another source, servers that
// are being asked for are asked again, since they answer the former one.
func (m *Machine) SetSource(now time.Time, source netip.Addr, refuse []frame.MAC) []arp.Action {
	if source = source.Unmap(); !source.Is4() {
		source = netip.IPv4Unspecified()
	}
	m.opts.Refuse = slices.Clone(refuse)
	if source == m.opts.Source {
		return nil
	}
	m.opts.Source = source
	for _, e := range m.order {
		if e.state != Pinned && (e.state != Reachable || e.check.active()) {
			e.restart(now)
		}
	}
	return m.step(now)
}

// SetMAC changes in whose name requests are sent and the interface's own MAC
// address, as when the interface was made again.
func (m *Machine) SetMAC(_ time.Time, mac, own frame.MAC) []arp.Action {
	m.opts.MAC, m.opts.Own = mac, own
	return nil
}

// Set replaces the addresses to resolve. New ones are asked for at once, those
// that stay go on undisturbed, removed ones are forgotten. Addresses that are
// not IPv4 are left to neighbour discovery and skipped.
func (m *Machine) Set(now time.Time, addrs []netip.Addr) []arp.Action {
	m.resolve = make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() && !a.IsUnspecified() {
			m.resolve[a] = true
		}
	}
	m.arrange(now)
	return m.step(now)
}

// Pin replaces the addresses whose MAC address the operator gives. They are
// never asked for, also when they were given to Set; one that is no longer
// pinned but set keeps its MAC address until another is confirmed.
func (m *Machine) Pin(now time.Time, macs map[netip.Addr]frame.MAC) []arp.Action {
	m.pins = make(map[netip.Addr]frame.MAC, len(macs))
	for a, mac := range macs {
		m.pins[a.Unmap()] = mac
	}
	m.arrange(now)
	return m.step(now)
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
func (m *Machine) Restore(now time.Time, addr netip.Addr, mac frame.MAC) []arp.Action {
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

// Doubt asks for an address now whose server is silent otherwise, as when its
// health check fails: it may have another MAC address, which the next refresh
// would find half a minute later. It is asked once by unicast, and then by
// broadcast.
func (m *Machine) Doubt(now time.Time, addr netip.Addr) []arp.Action {
	e := m.entries[addr.Unmap()]
	if e == nil || e.state != Reachable || e.check.active() {
		return nil
	}
	e.enter(now, Refreshing)
	e.tries, e.next = unicasts-1, now
	return m.step(now)
}

// SetLink tells the machine whether the link carries frames. While it does
// not, nothing is asked; when it does again, everybody is.
func (m *Machine) SetLink(now time.Time, up bool) []arp.Action {
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
	return m.step(now)
}

// Next returns when Tick is due at the earliest, or the zero time for never.
// It is early where a received packet put off what was due: then Tick does
// nothing. So neither has to look at all real servers for each packet.
func (m *Machine) Next() time.Time {
	if m.down {
		return time.Time{}
	}
	return m.next
}

// Tick does what is due.
func (m *Machine) Tick(now time.Time) []arp.Action {
	if m.down || !arp.Due(now, m.next) {
		return m.take()
	}
	return m.step(now)
}

// step does what is due for any real server, unless the link is down.
func (m *Machine) step(now time.Time) []arp.Action {
	m.next = time.Time{}
	for _, e := range m.order {
		if !m.down && arp.Due(now, e.next) {
			m.stepEntry(now, e)
		}
		if !m.down && arp.Due(now, e.check.next) {
			m.stepVerify(now, e)
		}
		m.next = arp.Earlier(m.next, e.due())
	}
	return m.take()
}

// request asks one host, or by broadcast all of them, for e's address.
func (m *Machine) request(e *entry, to frame.MAC) {
	m.actions = append(m.actions, arp.Send{Packet: arp.Packet{
		Destination: to,
		Source:      m.opts.MAC,
		Operation:   arp.Request,
		SenderMAC:   m.opts.MAC,
		SenderIP:    m.opts.Source,
		TargetIP:    e.addr,
	}})
}

func (m *Machine) event(e Event) { m.actions = append(m.actions, e) }

// take hands out the actions gathered since the last call.
func (m *Machine) take() []arp.Action {
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
	case mac == m.opts.MAC, mac == m.opts.Own, slices.Contains(m.opts.Refuse, mac):
		return "it is our own"
	}
	return ""
}
