package doctor

import (
	"net/netip"
	"slices"
	"time"

	"lvsdr/arp"
	"lvsdr/frame"
)

// claim is a MAC address that was heard to have an IP address.
type claim struct {
	mac      frame.MAC
	answered bool // it has answered; else it only asked or announced, with the address as its own
}

// claims are all that is heard in ARP of the addresses that matter.
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
func (c *claims) receive(p *arp.Packet, own frame.MAC) {
	list, matters := c.of[p.SenderIP]
	if !matters || p.Implausible() != "" || p.SenderMAC == own {
		return
	}
	i := slices.IndexFunc(list, func(have claim) bool { return have.mac == p.SenderMAC })
	if i < 0 {
		i = len(list)
		list = append(list, claim{mac: p.SenderMAC})
	}
	list[i].answered = list[i].answered || p.Operation == arp.Reply
	c.of[p.SenderIP] = list
}

// askARP asks who has an address, as any host would that wants to send there.
func (s *segment) askARP(addr netip.Addr) ([]byte, error) {
	p := arp.Packet{
		Destination: frame.Broadcast, Source: s.mac, Operation: arp.Request,
		SenderMAC: s.mac, SenderIP: s.source(addr), TargetIP: addr,
	}
	return p.Encode()
}

// macs returns who has the address.
func (c *claims) macs(addr netip.Addr) []frame.MAC {
	var all []frame.MAC
	for _, claim := range c.of[addr] {
		all = append(all, claim.mac)
	}
	return all
}
