package doctor

import (
	"net/netip"
	"slices"
	"time"

	"lvsdr/arp"
	"lvsdr/finding"
	"lvsdr/frame"
)

// claim is a MAC address that was heard to have an IP address.
type claim struct {
	mac frame.MAC
	how finding.Claim // the strongest so far
}

// claims are all that is heard, in ARP and neighbour discovery, of the addresses
// that matter.
type claims struct {
	of   map[netip.Addr][]claim
	ask  []netip.Addr // for these, in this order
	at   int          // of ask, in this round
	sent int          // rounds
	next time.Time
}

// newClaims listens for addresses, from now on.
func newClaims(now time.Time, addrs []netip.Addr) *claims {
	c := &claims{of: make(map[netip.Addr][]claim), next: now}
	for _, a := range addrs {
		c.of[a] = nil
		c.ask = appendOnce(c.ask, a)
	}
	return c
}

// due returns the addresses to ask for now, up to a burst; every is the time
// between two rounds.
func (c *claims) due(now time.Time, every time.Duration) []netip.Addr {
	if c.sent == attempts || now.Before(c.next) {
		return nil
	}
	due := c.ask[c.at:min(c.at+burst, len(c.ask))]
	c.at += len(due)
	c.next = now.Add(pause)
	if c.at == len(c.ask) {
		c.at, c.next = 0, now.Add(every)
		c.sent++
	}
	return due
}

// over reports whether the time to wait for the last round's answers has passed.
func (c *claims) over(now time.Time) bool { return c.sent == attempts && !now.Before(c.next) }

// receive notes who claims what, in an answer or otherwise.
func (c *claims) receive(p *arp.Packet) {
	if p.Implausible() != "" {
		return
	}
	how := finding.Asks
	switch {
	case p.TargetIP == p.SenderIP:
		how = finding.Announces
	case p.Operation == arp.Reply:
		how = finding.Answers
	}
	c.note(p.SenderIP, p.SenderMAC, how)
}

// note adds a claim, if the address matters.
func (c *claims) note(addr netip.Addr, mac frame.MAC, how finding.Claim) {
	list, matters := c.of[addr]
	if !matters || !mac.IsUnicast() {
		return
	}
	i := slices.IndexFunc(list, func(have claim) bool { return have.mac == mac })
	if i < 0 {
		c.of[addr] = append(list, claim{mac: mac, how: how})
		return
	}
	list[i].how = max(list[i].how, how)
}

// macs returns who has the address.
func (c *claims) macs(addr netip.Addr) []frame.MAC {
	var all []frame.MAC
	for _, claim := range c.of[addr] {
		all = append(all, claim.mac)
	}
	return all
}
