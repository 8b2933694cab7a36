package arpresponder

import (
	"net/netip"
	"time"

	"lvsdr/frame"
)

// Status is one VIP as an operator sees it.
type Status struct {
	VIP       netip.Addr
	State     State
	Since     time.Time  // when probing began, the VIP was claimed or it was refused
	MAC       frame.MAC  // the one that answers, or would
	RefusedBy frame.MAC  // who has a refused VIP; else zero
	Claimants []Claimant // other hosts seen claiming it, in the order of their first claim
	Forgotten uint64     // more claimants than fit were seen: so many were dropped
}

// Stats count the received frames by what became of them: Received is the sum
// of the others.
type Stats struct {
	Received  uint64
	Other     uint64 // about none of the VIPs
	Own       uint64 // our own, or in our name
	Malformed uint64 // or such that no honest host would send it
	Claim     uint64 // another host's claim to a VIP
	Unclaimed uint64 // asked for a VIP that is probed or refused
	Elsewhere uint64 // asked for a VIP, sent to neither broadcast nor us
	Answered  uint64
}

// counter is where a verdict is counted.
func (m *Machine) counter(v verdict) *uint64 {
	s := &m.stats
	return [...]*uint64{
		other: &s.Other, own: &s.Own, malformed: &s.Malformed, claim: &s.Claim,
		unclaimed: &s.Unclaimed, elsewhere: &s.Elsewhere, answered: &s.Answered,
	}[v]
}

// Stats returns the counters.
func (m *Machine) Stats() Stats { return m.stats }

// Status returns all VIPs, by address.
func (m *Machine) Status() []Status {
	all := make([]Status, 0, len(m.order))
	for _, v := range m.order {
		s := Status{
			VIP: v.addr, State: v.state, Since: v.since, MAC: m.opts.MAC,
			RefusedBy: v.refusedBy, Forgotten: v.claims.forgotten,
		}
		for _, c := range v.claims.list {
			c.RealServer = m.realServers[c.MAC]
			s.Claimants = append(s.Claimants, c.Claimant)
		}
		all = append(all, s)
	}
	return all
}
