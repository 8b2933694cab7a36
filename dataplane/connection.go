package dataplane

import (
	"slices"

	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/scheduler"
	"lvsdr/service"
)

// connection finds the real server of a packet with ports: that of its
// connection, or one that is scheduled now.
func (w *Worker) connection(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	j.event = w.eventOf(&j.packet, f)
	if w.isIdle() {
		return nil, w.refuse(refusalNoService(j), j, f)
	}
	c, ok := w.plane.conns.Lookup(&j.key, j.home, w.now)
	if !ok {
		return w.open(j, f)
	}
	rs := w.table.Server(c.Server())
	switch w.judge(j, &c, rs) {
	case entryWaits:
		return nil, DropServerGone
	case entryEnds:
		w.plane.conns.Delete(&j.key, j.home, &c)
		return w.open(j, f)
	}
	from, to, _ := w.plane.conns.Advance(&c, j.event, j.svc.Timeouts, w.now)
	if from != to {
		w.moved(j, &c, rs, from, to)
	}
	return rs, Forward
}

// moved follows a connection that went from one state to another.
func (w *Worker) moved(j *job, c *conntable.Conn, rs *service.RealServer, from, to conntable.State) {
	if from.Active() != to.Active() {
		rs.Moved(to.Active())
	}
	if c.Controlled() && to.Established() {
		w.assure(j, rs.ID)
	}
}

func (w *Worker) eventOf(p *frame.Packet, f *link.Frame) conntable.Event {
	switch p.Key.Protocol {
	case frame.ProtocolTCP:
		e := conntable.TCPEvent(p.TCPFlags)
		if w.secure {
			return e.Secure()
		}
		return e
	case frame.ProtocolSCTP:
		return conntable.SCTPEvent(frame.SCTP(f.Data()[p.Transport:p.End]).StateChunk())
	}
	return conntable.EventUDP
}

// opens reports whether a packet with the event begins a connection by itself.
func opens(e conntable.Event) bool {
	switch e {
	case conntable.EventSyn, conntable.EventSynSecure, conntable.EventUDP, conntable.EventSCTPInit:
		return true
	}
	return false
}

// aborts reports whether a packet with the event is the last of its connection.
func aborts(e conntable.Event) bool {
	return e == conntable.EventRst || e == conntable.EventSCTPAbort
}

func isGone(rs *service.RealServer) bool {
	_, _, gone := rs.Route()
	return gone
}

// isIdle reports whether there is no service at all. IPVS looks at no packet then,
// and what it knows stays as it is.
func (w *Worker) isIdle() bool { return len(w.table.Services()) == 0 }

// What becomes of a known connection by a packet.
type entryFate uint8

const (
	entryGoesOn entryFate = iota
	entryWaits            // for its server, or its service, to come back
	entryEnds             // and the packet counts as a stranger's
)

// judge decides about a connection that the table knows.
func (w *Worker) judge(j *job, c *conntable.Conn, rs *service.RealServer) entryFate {
	switch {
	case rs == nil:
		return entryEnds
	case w.reopens(j, c, rs):
		return entryEnds
	case j.svc != nil && !isGone(rs):
		return entryGoesOn
	case w.awaits(rs):
		return entryWaits
	}
	return entryEnds
}

// awaits reports whether the connections of a server that is gone wait until it,
// or its service, comes back (IPVS: expire_nodest_conn 0).
func (w *Worker) awaits(rs *service.RealServer) bool {
	return !w.settings.ExpireNodestConn && rs.Removed()
}

// reopens reports whether the client opens a new connection where one is known:
// its server takes no new ones, whoever sent it there, or it uses the ports of a
// finished one (IPVS: expire_nodest_conn, conn_reuse_mode). A template keeps the
// client where it is.
func (w *Worker) reopens(j *job, c *conntable.Conn, rs *service.RealServer) bool {
	mode := w.settings.ConnReuseMode
	switch {
	case !isNew(j):
		return false
	case w.settings.ExpireNodestConn && rs.Weight() == 0:
		return true
	case mode == 0 || c.Controlled():
		return false
	}
	switch c.State() {
	case conntable.StateTimeWait, conntable.StateClose, conntable.StateSCTPClosed:
		return true
	case conntable.StateFinWait:
		return mode&ReuseFinWait != 0
	}
	return false
}

// isNew reports whether a packet asks for a new connection, as IPVS has it: also a
// SYN with RST, which ends what was known, and opens nothing.
func isNew(j *job) bool {
	if j.event == conntable.EventRst {
		return j.packet.TCPFlags&frame.TCPSyn != 0
	}
	return opens(j.event) && j.event != conntable.EventUDP
}

// open decides about a packet that belongs to no known connection.
func (w *Worker) open(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	switch {
	case j.svc == nil:
		return nil, w.refuse(refusalNoService(j), j, f)
	case opens(j.event):
		return w.schedule(j, f)
	case w.plane.mayOverflow(w.now):
		return w.overflow(j, f)
	case aborts(j.event):
		return nil, DropNoConnection
	case w.isSloppy(j):
		return w.schedule(j, f)
	case w.plane.inGrace(w.now):
		return w.adopt(j, f)
	}
	return nil, w.refuse(refusalStray(j), j, f)
}

// isSloppy reports whether a packet in the middle of a connection opens one.
func (w *Worker) isSloppy(j *job) bool {
	if j.packet.Key.Protocol == frame.ProtocolTCP {
		return w.settings.SloppyTCP
	}
	return w.settings.SloppySCTP && j.event != conntable.EventNone
}

// adopt takes over a connection of the predecessor, if the scheduler finds its
// server again: it does once it knows all servers.
func (w *Worker) adopt(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	switch {
	case !j.svc.FindsAgain() || j.event == conntable.EventNone:
		return nil, DropNoConnection
	case j.svc.Undecided():
		return nil, DropUndecided
	}
	return w.schedule(j, f)
}

// schedule finds a server for a new connection and enters it into the table.
func (w *Worker) schedule(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	switch {
	case slices.Contains(*w.plane.own.Load(), j.packet.Key.Src):
		return nil, DropOwnAddress
	case w.dropsNew():
		return nil, DropDefence
	}
	rs, controlled, v := w.choose(j, &j.packet.Key)
	switch {
	case v == DropNoServer:
		return nil, w.refuse(refusalNoServer(j, opens(j.event) || w.isSloppy(j)), j, f)
	case v != Forward:
		return nil, v
	case j.svc.OnePacket && j.event == conntable.EventUDP:
		if controlled {
			w.release(j, rs.ID)
		}
		rs.Stats().Connections.Add(1)
		return rs, Forward
	}
	state := conntable.StateNone.Next(j.event)
	rs, outcome := w.enter(j, rs, controlled, state, j.svc.Timeouts[state])
	switch {
	case outcome == conntable.Full:
		return w.overflow(j, f)
	case rs == nil:
		return nil, DropNoConnection
	}
	return rs, Forward
}

// choose finds the server of a new connection: the one that the client of a
// persistent service had before, or the one that the scheduler picks for the
// flow; else DropNoServer or DropUndecided. If a template controls the
// connection, the caller must enter it or release it.
func (w *Worker) choose(j *job, k *frame.Key) (rs *service.RealServer, controlled bool, v Verdict) {
	if j.svc.IsPersistent() {
		if rs, controlled = w.remembered(j); controlled {
			return rs, true, Forward
		}
	}
	w.setFlow(k)
	picked := j.svc.Schedule(&w.flow)
	if picked == nil {
		return nil, false, DropNoServer
	}
	if rs = w.server(picked); rs == nil {
		return nil, false, DropUndecided
	}
	if j.svc.IsPersistent() {
		rs, controlled = w.remember(j, k, rs)
	}
	return rs, controlled, Forward
}

// enter puts a new connection into the table, for so many ticks. It returns the
// server of the connection that is there then: if another worker was faster, that
// of the other.
func (w *Worker) enter(j *job, rs *service.RealServer, controlled bool, state conntable.State, lifetime uint32) (*service.RealServer, conntable.Outcome) {
	where := rs.ID
	if controlled {
		where |= conntable.Controlled
	}
	c, outcome := w.plane.conns.Insert(&j.key, j.home, where, state, lifetime, w.now)
	if outcome == conntable.Inserted {
		rs.Opened(state.Active())
		if controlled && state.Established() {
			w.assure(j, rs.ID)
		}
		return rs, outcome
	}
	if controlled {
		w.release(j, rs.ID)
	}
	if outcome == conntable.Existed {
		rs = w.table.Server(c.Server())
	}
	return rs, outcome
}

// lifetime is how long a connection without an entry may go on.
func lifetime(j *job) uint32 {
	switch j.packet.Key.Protocol {
	case frame.ProtocolUDP:
		return j.svc.Timeouts[conntable.StateUDP]
	case frame.ProtocolSCTP:
		return j.svc.Timeouts[conntable.StateSCTPEstablished]
	}
	return j.svc.Timeouts[conntable.StateEstablished]
}

// overflow picks the server of a connection for which there was no place: the
// same one for each of its segments, with nothing remembered but that there may
// be such connections for as long as this one lives.
func (w *Worker) overflow(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	picked := w.pickOverflow(j.svc, &j.packet.Key)
	if picked == nil {
		return nil, w.refuse(refusalNoServer(j, opens(j.event)), j, f)
	}
	if !aborts(j.event) {
		w.plane.overflowed(w.now, lifetime(j))
	}
	rs := w.server(picked)
	if rs == nil {
		return nil, DropUndecided
	}
	return rs, Forward
}

// pickOverflow picks by the flow, or by the client alone where it must stay
// with its server.
func (w *Worker) pickOverflow(svc *service.Service, k *frame.Key) *scheduler.Candidate {
	w.setFlow(k)
	if svc.IsPersistent() {
		w.flow.Src = svc.Client(w.flow.Src)
		w.flow.SrcPort, w.flow.DstPort = 0, 0
	}
	return svc.Overflow(&w.flow)
}

// server returns the real server that a scheduler picked. It may have joined
// in a reload since the batch began; nil: that reload is still under way, and
// its number may be that of a server in the present table.
func (w *Worker) server(picked *scheduler.Candidate) *service.RealServer {
	if rs := w.table.Server(picked.ID); rs != nil && &rs.Candidate == picked {
		return rs
	}
	w.table = w.plane.services.Load()
	if rs := w.table.Server(picked.ID); rs != nil && &rs.Candidate == picked {
		return rs
	}
	return nil
}

func (w *Worker) setFlow(k *frame.Key) {
	w.flow.Src, w.flow.Dst = k.Src.Netip(), k.Dst.Netip()
	w.flow.SrcPort, w.flow.DstPort, w.flow.Protocol = k.SrcPort, k.DstPort, k.Protocol
}
