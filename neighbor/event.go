package neighbor

import (
	"fmt"
	"net/netip"
	"time"

	"lvsdr/frame"
)

// EventKind says what happened to a real server's MAC address.
type EventKind string

// The kinds of events.
const (
	Resolved  EventKind = "resolved"  // the MAC address is known, or confirmed again after Failed
	Changed   EventKind = "changed"   // the server has another MAC address; Other is the old one
	Failed    EventKind = "failed"    // nobody answers; MAC, unless zero, goes on being used
	Conflict  EventKind = "conflict"  // MAC and Other both answer for the address; MAC is kept
	Spoofed   EventKind = "spoofed"   // Other claimed the address and was not believed
	Duplicate EventKind = "duplicate" // OtherAddr has the same MAC address
)

// Event is news about a real server. Conflicts and spoofed claims are reported
// once per 10 s and server; [Entry] has the counts.
type Event struct {
	Time      time.Time
	Kind      EventKind
	Addr      netip.Addr
	MAC       frame.MAC  // the one in use; zero for none
	Other     frame.MAC  // see the kinds
	OtherAddr netip.Addr // of Duplicate
	Why       string     // of Spoofed: why it was not believed
}

// ARPAction makes an Event one of the machine's actions.
func (Event) ARPAction() {}

// String is the event as a sentence for a log.
func (e Event) String() string {
	switch e.Kind {
	case Changed:
		return fmt.Sprintf("real server %s moved from %s to %s", e.Addr, e.Other, e.MAC)
	case Failed:
		if e.MAC.IsZero() {
			return fmt.Sprintf("real server %s does not answer ARP", e.Addr)
		}
		return fmt.Sprintf("real server %s does not answer ARP any more; its last MAC address %s stays in use", e.Addr, e.MAC)
	case Conflict:
		return fmt.Sprintf("real server %s: %s and %s both answer; keeping %s", e.Addr, e.MAC, e.Other, e.MAC)
	case Spoofed:
		return fmt.Sprintf("real server %s: %s claims its address and is not believed: %s", e.Addr, e.Other, e.Why)
	case Duplicate:
		return fmt.Sprintf("real servers %s and %s have the same MAC address %s", e.Addr, e.OtherAddr, e.MAC)
	}
	return fmt.Sprintf("real server %s is at %s", e.Addr, e.MAC)
}
