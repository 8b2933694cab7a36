package neighbor

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

// verdict is what became of a packet.
type verdict uint8

const (
	other       verdict = iota // not in a real server's name
	own                        // sent by this host
	believed                   // the answer to a request, from the MAC address in use or the first
	unsolicited                // in a server's name with the MAC address in use, but nobody asked
	questioned                 // another MAC address: to be verified
	refused                    // a MAC address that is not believed
)

func (m *Machine) receive(now time.Time, p *arp.Packet) verdict {
	if p.Source == m.opts.MAC {
		return own
	}
	e := m.entries[p.SenderIP]
	if e == nil {
		return other
	}
	defer func() { m.next = arp.Earlier(m.next, e.due()) }()
	if why := m.unbelievable(e, p); why != "" {
		m.spoof(now, e, p.SenderMAC, why)
		return refused
	}
	if e.state == Pinned {
		return unsolicited
	}
	if m.solicited(now, e, p) {
		return m.reply(now, e, p)
	}
	if e.mac != p.SenderMAC && !e.mac.IsZero() {
		m.verify(now, e, p.SenderMAC)
		return questioned
	}
	m.prompt(now, e)
	return unsolicited
}

// unbelievable says why the sender of p cannot be the server, or "".
func (m *Machine) unbelievable(e *entry, p *arp.Packet) string {
	if why := m.impossible(p.SenderMAC); why != "" {
		return why
	}
	switch {
	case p.Source != p.SenderMAC:
		return "the frame came from " + p.Source.String()
	case e.state == Pinned && p.SenderMAC != e.mac:
		return "the address is pinned"
	}
	return ""
}

// solicited reports whether p answers a request of ours.
func (m *Machine) solicited(now time.Time, e *entry, p *arp.Packet) bool {
	return p.Operation == arp.Reply && p.Destination == m.opts.MAC && p.TargetMAC == m.opts.MAC &&
		p.TargetIP == m.opts.Source && (e.outstanding(now) || e.check.active())
}

// reply takes the answer to a request.
func (m *Machine) reply(now time.Time, e *entry, p *arp.Packet) verdict {
	checking := e.check.active()
	switch {
	case e.mac.IsZero():
		m.adopt(now, e, p.SenderMAC)
	case p.SenderMAC == e.mac:
		m.confirm(now, e)
		if checking {
			m.verifyReply(now, e, p.SenderMAC)
		}
	case checking && p.SenderMAC == e.check.candidate:
		m.verifyReply(now, e, p.SenderMAC)
	default:
		m.verify(now, e, p.SenderMAC)
		return questioned
	}
	return believed
}

// prompt asks a server that showed itself while it was missing, without
// waiting for the back-off to end.
func (m *Machine) prompt(now time.Time, e *entry) {
	if e.state != Resolving && e.state != Stale || now.Before(e.promptAllowed) {
		return
	}
	e.promptAllowed = now.Add(promptEvery)
	if !m.down {
		m.request(e, frame.Broadcast)
		e.asked = now
	}
}
