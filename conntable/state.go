package conntable

import "lvsdr/frame"

// State of a connection, as IPVS names them. The director sees only what the
// client sends, so a state is a guess about both sides.
type State uint8

// The states, in the kernel's order (net/netfilter/ipvs/ip_vs_proto_tcp.c),
// then that of UDP. StateFree is an unused place, never a connection's.
const (
	StateFree State = iota
	StateNone
	StateEstablished
	StateSynSent
	StateSynRecv
	StateFinWait
	StateTimeWait
	StateClose
	StateCloseWait
	StateLastAck
	StateListen
	StateSynAck
	StateUDP
	StateCount

	// statePair marks the second place of an IPv6 connection.
	statePair State = 0xf
)

var stateNames = [StateCount]string{
	"FREE", "NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT", "CLOSE",
	"CLOSE_WAIT", "LAST_ACK", "LISTEN", "SYNACK", "UDP",
}

// String returns the name that `ipvsadm -Lc` prints.
func (s State) String() string {
	if s < StateCount {
		return stateNames[s]
	}
	return "UNKNOWN"
}

// Active reports whether a connection in s counts as active, not inactive,
// with its server.
func (s State) Active() bool {
	switch s {
	case StateEstablished, StateSynSent, StateSynRecv, StateSynAck:
		return true
	}
	return false
}

// Event is what a packet of the client means for the connection's state.
type Event uint8

// The events. For TCP, one segment is one event: RST before SYN before FIN
// before ACK.
const (
	EventSyn Event = iota
	EventFin
	EventAck
	EventRst
	EventNull // a TCP segment with none of the four flags
	EventUDP
	eventCount
)

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

// Short names, so that the table below reads as one.
const (
	sNO, sES, sSS, sSR = StateNone, StateEstablished, StateSynSent, StateSynRecv
	sFW, sTW, sCL, sCW = StateFinWait, StateTimeWait, StateClose, StateCloseWait
	sLA, sLI, sSA      = StateLastAck, StateListen, StateSynAck
	sUD                = StateUDP
)

// transitions[event][state] is the next state of a connection of which only
// the client's side is seen. Recorded from a running IPVS.
var transitions = [eventCount][StateCount]State{
	//          FR   NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA   UD
	EventSyn:  {sSR, sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sUD},
	EventFin:  {sCL, sCL, sFW, sSS, sTW, sFW, sTW, sCL, sCW, sLA, sLI, sTW, sUD},
	EventAck:  {sES, sES, sES, sES, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES, sUD},
	EventRst:  {sCL, sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL, sUD},
	EventNull: {sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sUD},
	EventUDP:  {sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD},
}

// Next returns the state after the event. From StateFree, or StateNone, it is
// the state in which a new connection begins.
func (s State) Next(e Event) State { return transitions[e][s] }
