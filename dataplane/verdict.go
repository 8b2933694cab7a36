package dataplane

import (
	"lvsdr/dataplane/fragment"
	"lvsdr/frame"
)

// Verdict says what became of a frame, and why. Each has its own counter.
type Verdict uint8

// The verdicts. Every frame that a worker receives gets exactly one.
const (
	Forward Verdict = iota // sent to a real server

	IgnoreNotIP  // neither IPv4 nor IPv6
	IgnoreNotVIP // its destination is no VIP of ours

	ReplyEcho          // answered: ICMP echo
	ReplyRST           // answered: TCP segment with RST
	ReplyUnreachable   // answered: ICMP port, or protocol, unreachable
	ReplyFragmentation // answered: ICMP fragmentation needed, ICMPv6 packet too big
	ReplyTimeExceeded  // answered: ICMP time exceeded (`ttl: decrement`)

	HoldFragment // copied: it waits for the first fragment of its datagram

	ExtraReleased // sent beside: it has waited
	ExtraPiece    // sent beside: one more piece of a packet that was cut

	DropCut           // the link delivered only the beginning of it
	DropOwnSource     // its source MAC is ours: a loop
	DropOwnAddress    // a new connection from an address of this host: somebody else's frame says so
	DropServerSource  // its source MAC is the chosen server's: a loop
	DropFragment      // a fragment of a datagram of which the first was not forwarded
	DropProtocol      // for a VIP, of a protocol that no service can have
	DropICMP          // ICMP to a VIP, neither echo request nor error
	DropICMPUnrelated // an ICMP error about a connection that is not known
	DropNoConnection  // no entry, may open none, and must not be refused
	DropUndecided     // no server usable yet: not resolved or not checked
	DropNoServer      // no server usable, and `reject: drop`
	DropNoService     // no service on the port, and a reply is out of place
	DropServerGone    // its server was removed, and may come back (`expire_nodest_conn: 0`)
	DropDefence       // a new connection, by drop_packet
	DropUnresolved    // its server's MAC is not known
	DropTooLong       // longer than the egress MTU, and no reply is owed: it may be fragmented, is an ICMP error, or not the first fragment
	DropTTL           // without a hop left (`ttl: decrement`), and an ICMP error or not the first fragment
	DropChecksum      // owed a reply, but its own checksum is wrong
	DropRateLimited   // owed a reply, but replies are limited
	DropSend          // the egress interface did not take it

	dropFragment // + fragment.Outcome - fragment.Duplicate: those that refuse

	dropMalformed = dropFragment + Verdict(fragment.OutcomeCount) - Verdict(fragment.Duplicate) // + frame.Malformed, from 1 on
	verdictCount  = int(dropMalformed) + frame.MalformedCount
)

// VerdictCount is the number of verdicts: they are 0..VerdictCount-1.
const VerdictCount = verdictCount

// Malformed returns the verdict of a frame that does not parse.
func Malformed(m frame.Malformed) Verdict { return dropMalformed + Verdict(m) }

// DropFragmentFor returns the verdict of a later fragment that is refused.
func DropFragmentFor(o fragment.Outcome) Verdict { return dropFragment + Verdict(o-fragment.Duplicate) }

// Kind is what verdicts have in common.
type Kind uint8

// The kinds of verdicts.
const (
	Forwarded Kind = iota
	Ignored
	Replied
	Held  // for later
	Extra // not received: sent in addition
	Dropped
)

var kindNames = [...]string{"forward", "ignore", "reply", "hold", "extra", "drop"}

// String returns the kind as it stands in metrics.
func (k Kind) String() string { return kindNames[k] }

// Kind returns the verdict's kind.
func (v Verdict) Kind() Kind {
	switch {
	case v == Forward:
		return Forwarded
	case v <= IgnoreNotVIP:
		return Ignored
	case v <= ReplyTimeExceeded:
		return Replied
	case v == HoldFragment:
		return Held
	case v <= ExtraPiece:
		return Extra
	}
	return Dropped
}

var verdictNames = [dropFragment]string{
	Forward:            "forward",
	IgnoreNotIP:        "not_ip",
	IgnoreNotVIP:       "not_vip",
	ReplyEcho:          "echo",
	ReplyRST:           "rst",
	ReplyUnreachable:   "unreachable",
	ReplyFragmentation: "fragmentation_needed",
	ReplyTimeExceeded:  "time_exceeded",
	HoldFragment:       "fragment",
	ExtraReleased:      "released_fragment",
	ExtraPiece:         "piece",
	DropCut:            "cut",
	DropOwnSource:      "own_source",
	DropOwnAddress:     "own_address",
	DropServerSource:   "server_source",
	DropFragment:       "fragment",
	DropProtocol:       "protocol",
	DropICMP:           "icmp",
	DropICMPUnrelated:  "icmp_unrelated",
	DropNoConnection:   "no_connection",
	DropUndecided:      "undecided",
	DropNoServer:       "no_server",
	DropNoService:      "no_service",
	DropServerGone:     "server_gone",
	DropDefence:        "defence",
	DropUnresolved:     "unresolved",
	DropTooLong:        "too_long",
	DropTTL:            "ttl",
	DropChecksum:       "checksum",
	DropRateLimited:    "rate_limited",
	DropSend:           "send",
}

// Reason returns the verdict's name within its kind, as it stands in metrics.
func (v Verdict) Reason() string {
	switch {
	case v < dropFragment:
		return verdictNames[v]
	case v < dropMalformed:
		return "fragment_" + (fragment.Duplicate + fragment.Outcome(v-dropFragment)).String()
	}
	return frame.Malformed(v - dropMalformed).String()
}

// String returns "KIND REASON".
func (v Verdict) String() string { return v.Kind().String() + " " + v.Reason() }
