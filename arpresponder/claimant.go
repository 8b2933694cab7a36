package arpresponder

import (
	"slices"
	"time"

	"lvsdr/arp"
	"lvsdr/frame"
)

// Claimant is another host that was seen claiming a VIP.
type Claimant struct {
	MAC         frame.MAC // the ARP sender MAC: where clients would send
	Source      frame.MAC // the Ethernet source of its last claim; differs for proxies and spoofers
	RealServer  string    // its name when MAC is one of our real servers
	Kind        ClaimKind // of its last claim
	First, Last time.Time
	Count       uint64
}

const (
	maxClaimants = 16 // remembered per VIP; a spoofer has 2^46 MAC addresses
	alarmEvery   = time.Minute
	maxAlarms    = 16 // per VIP and alarmEvery
)

// claimants is what one VIP remembers of its claimants.
type claimants struct {
	list      []claimant
	forgotten uint64 // evicted, the one seen longest ago first

	window time.Time // start of the current alarmEvery
	alarms int       // in it
}

type claimant struct {
	Claimant
	alarmed time.Time
}

// note records a claim. alarm says whether it is worth an event now.
func (c *claimants) note(now time.Time, p *arp.Packet, kind ClaimKind) (seen *Claimant, alarm bool) {
	e := c.entry(p.SenderMAC)
	if e.Count == 0 {
		e.First = now
	}
	e.Source, e.Kind, e.Last = p.Source, kind, now
	e.Count++
	if !e.alarmed.IsZero() && now.Sub(e.alarmed) < alarmEvery {
		return &e.Claimant, false
	}
	if c.window.IsZero() || now.Sub(c.window) >= alarmEvery {
		c.window, c.alarms = now, 0
	}
	if c.alarms == maxAlarms {
		return &e.Claimant, false
	}
	c.alarms++
	e.alarmed = now
	return &e.Claimant, true
}

// entry finds the claimant, or makes room for it.
func (c *claimants) entry(mac frame.MAC) *claimant {
	i := slices.IndexFunc(c.list, func(e claimant) bool { return e.MAC == mac })
	if i >= 0 {
		return &c.list[i]
	}
	fresh := claimant{Claimant: Claimant{MAC: mac}}
	if len(c.list) < maxClaimants {
		c.list = append(c.list, fresh)
		return &c.list[len(c.list)-1]
	}
	oldest := 0
	for i := range c.list {
		if c.list[i].Last.Before(c.list[oldest].Last) {
			oldest = i
		}
	}
	c.forgotten++
	c.list[oldest] = fresh
	return &c.list[oldest]
}
