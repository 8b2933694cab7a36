package arpresponder

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

// ConflictMode says what to do about a VIP that another host defends.
type ConflictMode string

// The conflict modes, named as in director.yaml.
const (
	Refuse   ConflictMode = "refuse"
	Takeover ConflictMode = "takeover"
)

// Options are what a [Machine] is made of.
type Options struct {
	// MAC answers for the VIPs: ARP sender and Ethernet source.
	MAC frame.MAC
	// Own is the interface's own MAC address where MAC is another; its packets
	// are no claims.
	Own frame.MAC
	// Conflict defaults to Refuse.
	Conflict ConflictMode
	// Jitter returns a duration in [0, max). The default is random.
	Jitter func(maximum time.Duration) time.Duration
}

// Machine decides what the director says in ARP. All times given to it must
// come from one clock and not go back. It is not safe for concurrent use.
type Machine struct {
	opts        Options
	vips        map[netip.Addr]*vip
	order       []*vip // by address, so that equal input gives equal output
	realServers map[frame.MAC]string
	down        bool      // the link is
	next        time.Time // no VIP is due before; zero: none is ever
	stats       Stats
	actions     []arp.Action
}

// NewMachine returns a machine without VIPs whose link is up.
func NewMachine(o Options) *Machine {
	o.Conflict = cmp.Or(o.Conflict, Refuse)
	o.Own = cmp.Or(o.Own, o.MAC)
	if o.Jitter == nil {
		o.Jitter = rand.N[time.Duration]
	}
	return &Machine{opts: o, vips: make(map[netip.Addr]*vip)}
}

// SetVIPs replaces the set of VIPs. New ones are probed, those that stay go on
// undisturbed, removed ones are no longer answered for. Addresses that are not
// IPv4 are left to neighbour discovery and skipped.
func (m *Machine) SetVIPs(now time.Time, addrs []netip.Addr) []arp.Action {
	want := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() && !a.IsUnspecified() {
			want[a] = true
		}
	}
	maps.DeleteFunc(m.vips, func(a netip.Addr, _ *vip) bool { return !want[a] })
	for a := range want {
		if m.vips[a] == nil {
			m.vips[a] = &vip{addr: a}
		}
	}
	m.order = slices.SortedFunc(maps.Values(m.vips), func(a, b *vip) int { return a.addr.Compare(b.addr) })
	m.next = time.Time{}
	for _, v := range m.order {
		if v.state == "" {
			v.enter(now, Probing)
			v.probe(now.Add(m.opts.Jitter(probeWait)))
		}
		m.next = arp.Earlier(m.next, v.due())
	}
	return m.take()
}

// SetRealServers replaces the MAC addresses that belong to our own real
// servers, with the names to report. A VIP that was refused for one of them is
// probed again at once.
func (m *Machine) SetRealServers(now time.Time, names map[frame.MAC]string) []arp.Action {
	m.realServers = maps.Clone(names)
	for _, v := range m.order {
		if _, ours := names[v.refusedBy]; ours && v.state == NotClaimed {
			v.enter(now, Probing)
			v.refusedBy = frame.MAC{}
			v.probe(now)
		}
	}
	return m.step(now)
}

// SetMAC changes the address that answers and the interface's own, as when the
// interface was made again, and announces a new one.
func (m *Machine) SetMAC(now time.Time, mac, own frame.MAC) []arp.Action {
	m.opts.Own = own
	if mac == m.opts.MAC {
		return nil
	}
	m.opts.MAC = mac
	return m.Announce(now)
}

// Announce starts the announcements of all claimed VIPs anew, as is due when
// the director has become active or the link is back. Unclaimed VIPs are
// probed anew, also those that were refused.
func (m *Machine) Announce(now time.Time) []arp.Action {
	for _, v := range m.order {
		if v.claimed() {
			v.state = Announcing
			v.announce(now)
		} else {
			v.probe(now.Add(m.opts.Jitter(probeWait)))
		}
	}
	return m.step(now)
}

// SetLink tells the machine whether the link carries frames. While it does
// not, nothing is due; when it does again, everything is announced.
func (m *Machine) SetLink(now time.Time, up bool) []arp.Action {
	if m.down == !up {
		return nil
	}
	m.down = !up
	if m.down {
		return nil
	}
	return m.Announce(now)
}

// Next returns when Tick is due at the earliest, or the zero time for never.
// It is early where a received packet put off what was due: then Tick does
// nothing. So neither has to look at all VIPs for each packet.
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

// step does what is due for any VIP, unless the link is down.
func (m *Machine) step(now time.Time) []arp.Action {
	m.next = time.Time{}
	for _, v := range m.order {
		if !m.down && arp.Due(now, v.next) {
			m.stepVIP(now, v)
		}
		if !m.down && arp.Due(now, v.defendAt) {
			m.defend(now, v)
		}
		m.next = arp.Earlier(m.next, v.due())
	}
	return m.take()
}

func (m *Machine) send(p arp.Packet) {
	p.Source = m.opts.MAC
	p.SenderMAC = m.opts.MAC
	m.actions = append(m.actions, arp.Send{Packet: p})
}

// take hands out the actions gathered since the last call.
func (m *Machine) take() []arp.Action {
	a := m.actions
	m.actions = nil
	return a
}

// own reports whether mac is this host's.
func (m *Machine) own(mac frame.MAC) bool {
	return mac == m.opts.MAC || mac == m.opts.Own
}
