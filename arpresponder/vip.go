package arpresponder

import (
	"net/netip"
	"time"

	"lvsdr/arp"
	"lvsdr/frame"
)

// State is how far a VIP is.
type State string

// The states of a VIP, in their order.
const (
	Probing    State = "probing"    // asking whether anybody has it
	Announcing State = "announcing" // answered for, first announcements not all sent
	Owned      State = "owned"      // answered for
	NotClaimed State = "refused"    // another host has it; probed again from time to time
)

// Times of RFC 5227, 1.1, and of this package.
const (
	probeWait      = time.Second      // PROBE_WAIT: before the first probe, at most
	probeNum       = 3                // PROBE_NUM
	probeMin       = time.Second      // PROBE_MIN: between probes
	probeMax       = 2 * time.Second  // PROBE_MAX
	announceWait   = 2 * time.Second  // ANNOUNCE_WAIT: after the last probe
	defendInterval = 10 * time.Second // DEFEND_INTERVAL
	retryMin       = 30 * time.Second // until a refused VIP is probed again
	retryMax       = 40 * time.Second // not fixed: two directors must fall out of step
	refreshMin     = 45 * time.Second // between refreshes: never more than 60 s, also
	refreshMax     = 55 * time.Second // when the timer is late
)

// schedule has the times of the announcements after a claim: the second for a
// client whose queue dropped the first, the third for one that was within its
// locktime, the fourth for a port that a switch had not opened yet.
var schedule = [...]time.Duration{0, 100 * time.Millisecond, 1100 * time.Millisecond, 5 * time.Second}

// vip is the machine of one VIP.
type vip struct {
	addr      netip.Addr
	state     State
	since     time.Time
	next      time.Time // when step is due
	probes    int       // sent in this round
	base      time.Time // when the schedule began
	announced int       // announcements of the schedule sent
	refusedBy frame.MAC

	defended time.Time // last defence
	defendAt time.Time // a defence that had to wait; zero: none
	against  Claimant  // whom that defence is against

	claims claimants
}

func (v *vip) claimed() bool { return v.state == Announcing || v.state == Owned }

// contending reports whether a round of probes is under way.
func (v *vip) contending() bool {
	return v.state == Probing || v.state == NotClaimed && v.probes > 0
}

func (v *vip) enter(now time.Time, s State) {
	v.state, v.since = s, now
}

// probe starts a round of probes at t.
func (v *vip) probe(t time.Time) {
	v.probes, v.next = 0, t
}

// announce starts the schedule at t.
func (v *vip) announce(t time.Time) {
	v.announced, v.base, v.next = 0, t, t
}

// due returns when the VIP wants to be stepped; zero: never.
func (v *vip) due() time.Time { return arp.Earlier(v.next, v.defendAt) }

// stepVIP does what v.next was set for.
func (m *Machine) stepVIP(now time.Time, v *vip) {
	switch {
	case v.claimed():
		m.announceNext(now, v)
	case v.probes < probeNum:
		m.probeNext(now, v)
	default:
		m.claim(now, v)
	}
}

func (m *Machine) probeNext(now time.Time, v *vip) {
	m.send(arp.Packet{
		Destination: frame.Broadcast,
		Operation:   arp.Request,
		SenderIP:    netip.IPv4Unspecified(),
		TargetIP:    v.addr,
	})
	v.probes++
	v.next = now.Add(announceWait)
	if v.probes < probeNum {
		v.next = now.Add(probeMin + m.opts.Jitter(probeMax-probeMin))
	}
}

func (m *Machine) claim(now time.Time, v *vip) {
	v.enter(now, Announcing)
	v.probes, v.refusedBy = 0, frame.MAC{}
	m.actions = append(m.actions, Event{Time: now, Kind: Claimed, VIP: v.addr})
	v.announce(now)
	m.announceNext(now, v)
}

// announceNext sends one announcement, also when a late call finds several due.
func (m *Machine) announceNext(now time.Time, v *vip) {
	m.announceVIP(v)
	for v.announced < len(schedule) && !now.Before(v.base.Add(schedule[v.announced])) {
		v.announced++
	}
	if v.announced < len(schedule) {
		v.next = v.base.Add(schedule[v.announced])
		return
	}
	v.state = Owned
	v.next = now.Add(refreshMin + m.opts.Jitter(refreshMax-refreshMin))
}

// announceVIP sends the two forms that Linux believes within its locktime.
func (m *Machine) announceVIP(v *vip) {
	p := arp.Packet{
		Destination: frame.Broadcast,
		Operation:   arp.Request,
		SenderIP:    v.addr,
		TargetIP:    v.addr,
	}
	m.send(p)
	p.Operation, p.TargetMAC = arp.Reply, m.opts.MAC
	m.send(p)
}
