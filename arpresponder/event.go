package arpresponder

import (
	"fmt"
	"net/netip"
	"time"

	"lvsdr/frame"
)

// EventKind says what happened to a VIP.
type EventKind string

// The kinds of events.
const (
	// Claimed: nobody defended the VIP; from now on it is answered for.
	Claimed EventKind = "claimed"
	// Refused: another host has the VIP; it is not answered for.
	Refused EventKind = "refused"
	// Conflict: another host claims a VIP that we claim all the same.
	Conflict EventKind = "conflict"
	// Defended: the VIP was announced against another host's claim.
	Defended EventKind = "defended"
)

// ClaimKind says by which packet another host claimed a VIP.
type ClaimKind string

// The ways to claim a VIP.
const (
	ByReply        ClaimKind = "reply"        // it answered for the VIP
	ByAnnouncement ClaimKind = "announcement" // it announced the VIP unasked
	ByRequest      ClaimKind = "request"      // it asked for another address in the VIP's name
	ByProbe        ClaimKind = "probe"        // it was probing for the VIP when we were
)

// Event is news about a VIP. Events about one claimant are limited to one a
// minute, those about one VIP to 16 a minute; [Status] has all counts.
type Event struct {
	Time       time.Time
	Kind       EventKind
	VIP        netip.Addr
	MAC        frame.MAC // of the other host; zero for Claimed
	RealServer string    // the other host's name when it is one of our real servers
	Claim      ClaimKind // how it claimed; "" for Claimed
	Count      uint64    // claims of this host so far
}

// ARPAction makes an Event one of the machine's actions.
func (Event) ARPAction() {}

// String is the event as a sentence for a log.
func (e Event) String() string {
	who := e.MAC.String()
	if e.RealServer != "" {
		who = fmt.Sprintf("real server %s (%s)", e.RealServer, e.MAC)
	}
	switch e.Kind {
	case Claimed:
		return fmt.Sprintf("VIP %s is ours", e.VIP)
	case Refused:
		return fmt.Sprintf("VIP %s is not claimed: %s has it (%s)", e.VIP, who, e.Claim)
	case Defended:
		return fmt.Sprintf("VIP %s defended against %s", e.VIP, who)
	}
	if e.RealServer != "" {
		return fmt.Sprintf("VIP %s is claimed by %s (%s): it takes clients away; set arp_ignore and arp_announce on it", e.VIP, who, e.Claim)
	}
	return fmt.Sprintf("VIP %s is claimed by %s too (%s)", e.VIP, who, e.Claim)
}
