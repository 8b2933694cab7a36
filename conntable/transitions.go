package conntable

// Short names, so that the tables below read as such.
const (
	sNO, sES, sSS, sSR = StateNone, StateEstablished, StateSynSent, StateSynRecv
	sFW, sTW, sCL, sCW = StateFinWait, StateTimeWait, StateClose, StateCloseWait
	sLA, sLI, sSA      = StateLastAck, StateListen, StateSynAck
	sUD                = StateUDP

	cNO, cI1, cIN, cCS = StateSCTPNone, StateSCTPInit1, StateSCTPInit, StateSCTPCookieSent
	cCR, cCW, cCO, cCE = StateSCTPCookieReplied, StateSCTPCookieWait, StateSCTPCookie, StateSCTPCookieEchoed
	cES, cSS, cSR, cSA = StateSCTPEstablished, StateSCTPShutdownSent, StateSCTPShutdownReceived, StateSCTPShutdownAckSent
	cRJ, cCL           = StateSCTPRejected, StateSCTPClosed
)

// tcp[event][state] is the next state of a connection of which only the
// client's side is seen. Recorded from a running IPVS, but for EventSynSecure
// (ip_vs_proto_tcp.c).
var tcp = map[Event][StateUDP + 1]State{
	//                FR   NO   ES   SS   SR   FW   TW   CL   CW   LA   LI   SA   UD
	EventSyn:       {sSR, sSR, sES, sES, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sSR, sUD},
	EventSynSecure: {sSA, sSA, sES, sES, sSR, sSA, sSA, sSA, sSA, sSA, sSA, sSA, sUD},
	EventFin:       {sCL, sCL, sFW, sSS, sTW, sFW, sTW, sCL, sCW, sLA, sLI, sTW, sUD},
	EventAck:       {sES, sES, sES, sSS, sES, sFW, sTW, sCL, sCW, sCL, sLI, sES, sUD},
	EventRst:       {sCL, sCL, sCL, sCL, sSR, sCL, sCL, sCL, sCL, sLA, sLI, sCL, sUD},
	EventNull:      {sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sUD},
	EventUDP:       {sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD, sUD},
}

// sctp[event][state] is the same for SCTP (ip_vs_proto_sctp.c, input only), by
// the states from StateSCTPNone on. A connection begins from NO.
var sctp = map[Event][StateSCTPClosed - StateSCTPNone + 1]State{
	//                         NO   I1   IN   CS   CR   CW   CO   CE   ES   SS   SR   SA   RJ   CL
	EventSCTPData:             {cES, cI1, cIN, cCS, cCR, cES, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
	EventSCTPInit:             {cI1, cIN, cIN, cIN, cIN, cIN, cCO, cCE, cES, cSS, cSR, cSA, cIN, cIN},
	EventSCTPInitAck:          {cCE, cCE, cCE, cCE, cCE, cCE, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
	EventSCTPCookieEcho:       {cES, cES, cES, cES, cES, cES, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
	EventSCTPCookieAck:        {cES, cI1, cIN, cES, cES, cCW, cES, cES, cES, cSS, cSR, cSA, cRJ, cCL},
	EventSCTPShutdown:         {cSR, cI1, cIN, cCS, cCR, cCW, cCO, cCE, cSR, cSS, cSR, cSA, cRJ, cCL},
	EventSCTPShutdownAck:      {cCL, cIN, cIN, cCS, cCR, cCW, cCO, cCE, cCL, cCL, cSR, cCL, cRJ, cCL},
	EventSCTPShutdownComplete: {cCL, cCL, cCL, cCL, cCL, cCW, cCO, cCE, cES, cSS, cCL, cCL, cRJ, cCL},
	EventSCTPError:            {cCL, cI1, cIN, cCS, cCR, cCW, cCO, cCE, cES, cSS, cSR, cSA, cRJ, cCL},
	EventSCTPAbort:            {cCL, cCL, cCL, cCL, cCL, cRJ, cCL, cCL, cCL, cCL, cCL, cCL, cCL, cCL},
}

// transitions has all tables as one; a state of another protocol stays.
var transitions = func() (all [eventCount][1 << stateBits]State) {
	for e := range all {
		for s := range all[e] {
			all[e][s] = State(s)
		}
	}
	for e, row := range tcp {
		copy(all[e][:], row[:])
	}
	for e, row := range sctp {
		all[e][StateFree] = row[0]
		all[e][StateNone] = row[0] // NONE of any protocol begins a connection
		copy(all[e][StateSCTPNone:], row[:])
	}
	return all
}()

// Next returns the state after the event. From StateFree it is the state in
// which a new connection begins.
func (s State) Next(e Event) State { return transitions[e][s&statePair] }
