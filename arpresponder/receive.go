package arpresponder

import (
	"time"

	"lvsdr/arp"
	"lvsdr/frame"
)

// Receive takes a packet that [arp.Decode] has passed.
func (m *Machine) Receive(now time.Time, p arp.Packet) []arp.Action {
	m.stats.Received++
	*m.counter(m.receive(now, &p))++
	return m.take()
}

// Malformed counts a frame that [arp.Decode] refused.
func (m *Machine) Malformed() {
	m.stats.Received++
	m.stats.Malformed++
}

// verdict is what became of a packet. Where two fit, the higher one counts.
type verdict uint8

const (
	other     verdict = iota // about none of the VIPs
	own                      // our own frame, or one in our name
	malformed                // such that no honest host would send it
	unclaimed                // asks for a VIP that is not ours yet
	elsewhere                // asks for a VIP, but not us
	claim                    // by another host, for a VIP
	answered                 // whatever else it was
)

func (m *Machine) receive(now time.Time, p *arp.Packet) verdict {
	if p.Implausible() != "" {
		return malformed
	}
	if m.own(p.SenderMAC) || m.own(p.Source) {
		return own
	}
	result := other
	if v := m.vips[p.SenderIP]; v != nil {
		m.claimedBy(now, v, p)
		result = claim
	}
	v := m.vips[p.TargetIP]
	if v == nil || p.Operation != arp.Request || p.TargetIP == p.SenderIP {
		return result
	}
	if p.IsProbe() && v.contending() {
		m.claimedBy(now, v, p)
		return claim
	}
	if !v.claimed() {
		return max(result, unclaimed)
	}
	if p.Destination != frame.Broadcast && !m.own(p.Destination) {
		return max(result, elsewhere)
	}
	m.answer(v, p)
	return answered
}

// answer tells the asker, and nobody else, where the VIP is.
func (m *Machine) answer(v *vip, p *arp.Packet) {
	m.send(arp.Packet{
		Destination: p.SenderMAC,
		Operation:   arp.Reply,
		SenderIP:    v.addr,
		TargetMAC:   p.SenderMAC,
		TargetIP:    p.SenderIP,
	})
}

// claimedBy handles another host's claim to a VIP. It alone changes, for a
// received packet, when a VIP is due.
func (m *Machine) claimedBy(now time.Time, v *vip, p *arp.Packet) {
	defer func() { m.next = arp.Earlier(m.next, v.due()) }()
	seen, alarm := v.claims.note(now, p, kindOf(p))
	name, isReal := m.realServers[seen.MAC]
	e := Event{
		Time: now, Kind: Conflict, VIP: v.addr,
		MAC: seen.MAC, RealServer: name, Claim: seen.Kind, Count: seen.Count,
	}
	switch {
	case v.claimed():
		m.report(alarm, e)
		v.against = *seen
		m.defend(now, v)
	case isReal || m.opts.Conflict == Takeover:
		m.report(alarm, e)
	default:
		// The first refusal for a host is news even when its alarms are used up.
		e.Kind = Refused
		m.report(v.refusedBy != seen.MAC && alarm || v.state != NotClaimed, e)
		m.refuse(now, v, seen.MAC)
	}
}

func kindOf(p *arp.Packet) ClaimKind {
	switch {
	case p.SenderIP.IsUnspecified():
		return ByProbe
	case p.SenderIP == p.TargetIP:
		return ByAnnouncement
	case p.Operation == arp.Reply:
		return ByReply
	}
	return ByRequest
}

func (m *Machine) report(worth bool, e Event) {
	if worth {
		m.actions = append(m.actions, e)
	}
}

// refuse ends a round of probes; between rounds only the name changes.
func (m *Machine) refuse(now time.Time, v *vip, by frame.MAC) {
	v.refusedBy = by
	if !v.contending() {
		return
	}
	if v.state != NotClaimed {
		v.enter(now, NotClaimed)
	}
	v.probe(now.Add(retryMin + m.opts.Jitter(retryMax-retryMin)))
}

// defend announces the VIP, now or as soon as defendInterval allows.
func (m *Machine) defend(now time.Time, v *vip) {
	if again := v.defended.Add(defendInterval); !v.defended.IsZero() && now.Before(again) {
		v.defendAt = again
		return
	}
	v.defended, v.defendAt = now, time.Time{}
	m.announceVIP(v)
	m.actions = append(m.actions, Event{
		Time: now, Kind: Defended, VIP: v.addr, MAC: v.against.MAC,
		RealServer: m.realServers[v.against.MAC], Claim: v.against.Kind, Count: v.against.Count,
	})
}
