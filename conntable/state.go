package conntable

// State of a connection, as IPVS names them. The director sees only what the
// client sends, so a state is a guess about both sides.
type State uint8

// The states of TCP, in the kernel's order (net/netfilter/ipvs/ip_vs_proto_tcp.c),
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

	// Those of SCTP, in the kernel's order (ip_vs_proto_sctp.c).
	StateSCTPNone
	StateSCTPInit1
	StateSCTPInit
	StateSCTPCookieSent
	StateSCTPCookieReplied
	StateSCTPCookieWait
	StateSCTPCookie
	StateSCTPCookieEchoed
	StateSCTPEstablished
	StateSCTPShutdownSent
	StateSCTPShutdownReceived
	StateSCTPShutdownAckSent
	StateSCTPRejected
	StateSCTPClosed

	// Those of a template: whether one of its connections was established, and
	// whether it lives on only because it controls some.
	StateTemplate
	StateTemplateAssured
	StateTemplateAgain
	StateTemplateAssuredAgain
	StateCount

	// statePair marks the second place of a key that takes two.
	statePair State = 1<<stateBits - 1
)

// All states fit the bits of a life, besides statePair.
const _ = uint(statePair - StateCount)

var stateNames = [StateCount]string{
	"FREE", "NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT", "CLOSE",
	"CLOSE_WAIT", "LAST_ACK", "LISTEN", "SYNACK", "UDP",
	"NONE", "INIT1", "INIT", "C-SENT", "C-REPLIED", "C-WAIT", "COOKIE", "C-ECHOED",
	"ESTABLISHED", "S-SENT", "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED",
	"NONE", "ASSURED", "NONE", "ASSURED",
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
	case StateEstablished, StateSynSent, StateSynRecv, StateSynAck, StateSCTPEstablished:
		return true
	}
	return false
}

// Established reports whether a connection in s assures the template that
// controls it.
func (s State) Established() bool { return s == StateEstablished || s == StateSCTPEstablished }

func (s State) isTemplate() bool { return s-StateTemplate < StateCount-StateTemplate }

// assured returns the state of a template of which a connection was
// established.
func (s State) assured() State {
	switch s {
	case StateTemplate:
		return StateTemplateAssured
	case StateTemplateAgain:
		return StateTemplateAssuredAgain
	}
	return s
}

// again returns the state of a template whose time is over, but which lives on.
func (s State) again() State {
	switch s {
	case StateTemplate:
		return StateTemplateAgain
	case StateTemplateAssured:
		return StateTemplateAssuredAgain
	}
	return s
}
