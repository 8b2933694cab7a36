package arpresponder

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

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
	// Own are other MAC addresses of this host, whose packets are no claims.
	Own []frame.MAC
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
	down        bool // the link is
	stats       Stats
	actions     []Action
}

// NewMachine returns a machine without VIPs whose link is up.
func NewMachine(o Options) *Machine {
	o.Conflict = cmp.Or(o.Conflict, Refuse)
	o.Own = slices.Clone(o.Own)
	if o.Jitter == nil {
		o.Jitter = rand.N[time.Duration]
	}
	return &Machine{opts: o, vips: make(map[netip.Addr]*vip)}
}

// SetVIPs replaces the set of VIPs. New ones are probed, those that stay go on
// undisturbed, removed ones are no longer answered for. Addresses that are not
// IPv4 are left to neighbour discovery and skipped.
func (m *Machine) SetVIPs(now time.Time, addrs []netip.Addr) []Action {
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
	for _, v := range m.order {
		if v.state == "" {
			v.enter(now, Probing)
			v.probe(now.Add(m.opts.Jitter(probeWait)))
		}
	}
	return m.take()
}

// SetRealServers replaces the MAC addresses that belong to our own real
// servers, with the names to report. A VIP that was refused for one of them is
// probed again at once.
func (m *Machine) SetRealServers(now time.Time, names map[frame.MAC]string) []Action {
	m.realServers = maps.Clone(names)
	for _, v := range m.order {
		if _, ours := names[v.refusedBy]; ours && v.state == NotClaimed {
			v.enter(now, Probing)
			v.refusedBy = frame.MAC{}
			v.probe(now)
		}
	}
	return m.Tick(now)
}

// SetMAC changes the address that answers, as when the interface was made
// again, and announces it. Own MAC addresses are replaced too.
func (m *Machine) SetMAC(now time.Time, mac frame.MAC, own ...frame.MAC) []Action {
	m.opts.Own = slices.Clone(own)
	if mac == m.opts.MAC {
		return nil
	}
	m.opts.MAC = mac
	return m.Announce(now)
}

// Announce starts the announcements of all claimed VIPs anew, as is due when
// the director has become active or the link is back. Unclaimed VIPs are
// probed anew, also those that were refused.
func (m *Machine) Announce(now time.Time) []Action {
	for _, v := range m.order {
		if v.claimed() {
			v.state = Announcing
			v.announce(now)
		} else {
			v.probe(now.Add(m.opts.Jitter(probeWait)))
		}
	}
	return m.Tick(now)
}

// SetLink tells the machine whether the link carries frames. While it does
// not, nothing is due; when it does again, everything is announced.
func (m *Machine) SetLink(now time.Time, up bool) []Action {
	if m.down == !up {
		return nil
	}
	m.down = !up
	if m.down {
		return nil
	}
	return m.Announce(now)
}

// Next returns when Tick is due, or the zero time for never.
func (m *Machine) Next() (next time.Time) {
	if m.down {
		return next
	}
	for _, v := range m.order {
		next = earlier(next, earlier(v.next, v.defendAt))
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
	if m.down {
		return nil
	}
	for _, v := range m.order {
		if due(now, v.next) {
			m.step(now, v)
		}
		if due(now, v.defendAt) {
			m.defend(now, v)
		}
	}
	return m.take()
}

func due(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }

func (m *Machine) send(p Packet) {
	p.Source = m.opts.MAC
	p.SenderMAC = m.opts.MAC
	m.actions = append(m.actions, Send{p})
}

// take hands out the actions gathered since the last call.
func (m *Machine) take() []Action {
	a := m.actions
	m.actions = nil
	return a
}

// own reports whether mac is this host's.
func (m *Machine) own(mac frame.MAC) bool {
	return mac == m.opts.MAC || slices.Contains(m.opts.Own, mac)
}
