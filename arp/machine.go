package arp

import (
	"time"

	"lvsdr/frame"
)

// Machine is a state machine that speaks ARP. A [Station] calls it under its
// lock, with times of one clock that do not go back.
type Machine interface {
	// SetMAC tells the address to speak with and the interface's own, which
	// most often are one: before the first packet, and when the interface was
	// made again.
	SetMAC(now time.Time, mac, own frame.MAC) []Action
	// SetLink tells whether the link carries frames. A station begins with one
	// that does not.
	SetLink(now time.Time, up bool) []Action
	// Receive takes a packet that [Decode] has passed.
	Receive(now time.Time, p Packet) []Action
	// Malformed counts a frame that [Decode] refused.
	Malformed()
	// Tick does what is due.
	Tick(now time.Time) []Action
	// Next returns when Tick is due at the earliest, or the zero time for
	// never.
	Next() time.Time
}

// Action is one thing that a machine wants done: a [Send], or an event of the
// machine's own type, to be reported.
type Action interface{ ARPAction() }

// Send asks for a packet to be sent.
type Send struct{ Packet Packet }

// ARPAction makes a Send an [Action].
func (Send) ARPAction() {}

// Earlier returns the earlier of two times, of which zero is never.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Due reports whether now is t or later, where zero is never.
func Due(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }
