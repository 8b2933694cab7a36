package conntable

import "lvsdr/frame"

// Event is what a packet of the client means for the connection's state.
type Event uint8

// The events. For TCP, one segment is one event: RST before SYN before FIN
// before ACK. For SCTP, it is the packet's first chunk, but an ABORT
// behind a cookie counts too.
const (
	EventSyn       Event = iota
	EventSynSecure       // a SYN while secure_tcp is on
	EventFin
	EventAck
	EventRst
	EventNull // a TCP segment with none of the four flags
	EventUDP
	EventSCTPData // and every chunk that is not named below
	EventSCTPInit
	EventSCTPInitAck
	EventSCTPCookieEcho
	EventSCTPCookieAck
	EventSCTPShutdown
	EventSCTPShutdownAck
	EventSCTPShutdownComplete
	EventSCTPError
	EventSCTPAbort
	EventNone // a packet that tells nothing, such as an SCTP one without a chunk
	eventCount
)

// Secure returns the event that e is while secure_tcp is on.
func (e Event) Secure() Event {
	if e == EventSyn {
		return EventSynSecure
	}
	return e
}

// TCPEvent returns the event of a segment with these flags.
func TCPEvent(flags uint8) Event {
	switch {
	case flags&frame.TCPRst != 0:
		return EventRst
	case flags&frame.TCPSyn != 0:
		return EventSyn
	case flags&frame.TCPFin != 0:
		return EventFin
	case flags&frame.TCPAck != 0:
		return EventAck
	}
	return EventNull
}

// sctpEvents gives the event of each chunk type (RFC 9260, 3.2).
var sctpEvents = [...]Event{
	0: EventSCTPData, 1: EventSCTPInit, 2: EventSCTPInitAck, 3: EventSCTPData, 4: EventSCTPData, 5: EventSCTPData,
	6: EventSCTPAbort, 7: EventSCTPShutdown, 8: EventSCTPShutdownAck, 9: EventSCTPError,
	10: EventSCTPCookieEcho, 11: EventSCTPCookieAck, 12: EventSCTPData, 13: EventSCTPData, 14: EventSCTPShutdownComplete,
}

// SCTPEvent returns the event of a packet by its chunk, as
// frame.SCTP.StateChunk tells it; ok is false if it has none.
func SCTPEvent(chunk uint8, ok bool) Event {
	switch {
	case !ok:
		return EventNone
	case int(chunk) < len(sctpEvents):
		return sctpEvents[chunk]
	}
	return EventSCTPData
}
