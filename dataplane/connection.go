package dataplane

import (
	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/scheduler"
	"lvsdr/service"
)

// connection finds the real server of a packet with ports: that of its
// connection, or one that is scheduled now.
func (w *Worker) connection(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	j.event = eventOf(&j.packet)
	c, ok := w.plane.conns.Lookup(&j.key, j.home, w.now)
	if !ok {
		return w.open(j, f)
	}
	rs := w.table.Server(c.Server)
	if rs == nil || j.svc == nil || isGone(rs) || reopens(j, &c, rs) {
		w.plane.conns.Delete(&j.key, j.home, &c)
		return w.open(j, f)
	}
	from, to, _ := w.plane.conns.Advance(&c, j.event, j.svc.Timeouts, w.now)
	if from.Active() != to.Active() {
		rs.Moved(to.Active())
	}
	return rs, Forward
}

func eventOf(p *frame.Packet) conntable.Event {
	if p.Key.Protocol == frame.ProtocolTCP {
		return conntable.TCPEvent(p.TCPFlags)
	}
	return conntable.EventUDP
}

func isGone(rs *service.RealServer) bool {
	_, _, gone := rs.Route()
	return gone
}

// reopens reports whether the client opens a new connection where one is known:
// it uses the ports of a finished one (IPVS: conn_reuse_mode 1), or its server
// takes no new ones (IPVS: expire_nodest_conn 1).
func reopens(j *job, c *conntable.Conn, rs *service.RealServer) bool {
	return j.event == conntable.EventSyn &&
		(c.State() == conntable.StateTimeWait || c.State() == conntable.StateClose || rs.Weight() == 0)
}

// open decides about a packet that belongs to no known connection.
func (w *Worker) open(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	switch {
	case j.svc == nil:
		return nil, w.refuseNoService(j, f)
	case j.event == conntable.EventSyn || j.event == conntable.EventUDP:
		return w.schedule(j, f)
	case j.event == conntable.EventRst:
		return nil, DropNoConnection
	case w.plane.mayOverflow(w.now):
		return w.overflow(j, f)
	case w.plane.inGrace(w.now):
		return w.adopt(j, f)
	}
	return nil, w.refuseStray(j, f)
}

// adopt takes over a connection of the predecessor, if the scheduler finds its
// server again: it does once it knows all servers.
func (w *Worker) adopt(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	switch {
	case !j.svc.FindsAgain():
		return nil, DropNoConnection
	case j.svc.Undecided():
		return nil, DropUndecided
	}
	return w.schedule(j, f)
}

// schedule picks a server for a new connection and enters it into the table.
func (w *Worker) schedule(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	w.setFlow(&j.packet.Key)
	picked := j.svc.Schedule(&w.flow)
	if picked == nil {
		return nil, w.refuseNoServer(j, f)
	}
	rs := w.server(picked)
	if rs == nil {
		return nil, DropUndecided
	}
	state := conntable.StateNone.Next(j.event)
	c, outcome := w.plane.conns.Insert(&j.key, j.home, rs.ID, state, j.svc.Timeouts, w.now)
	switch outcome {
	case conntable.Full:
		return w.overflow(j, f)
	case conntable.Existed: // another worker was faster
		if rs = w.table.Server(c.Server); rs == nil {
			return nil, DropNoConnection
		}
	case conntable.Inserted:
		rs.Opened(state.Active())
	}
	return rs, Forward
}

// lifetime is how long a connection without an entry may go on.
func lifetime(j *job) uint32 {
	if j.event == conntable.EventUDP {
		return j.svc.Timeouts[conntable.StateUDP]
	}
	return j.svc.Timeouts[conntable.StateEstablished]
}

// overflow picks the server of a connection for which there was no place: the
// same one for each of its segments, with nothing remembered but that there may
// be such connections for as long as this one lives.
func (w *Worker) overflow(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	w.setFlow(&j.packet.Key)
	picked := j.svc.Overflow(&w.flow)
	if picked == nil {
		return nil, w.refuseNoServer(j, f)
	}
	w.plane.overflowed(w.now, lifetime(j))
	rs := w.server(picked)
	if rs == nil {
		return nil, DropUndecided
	}
	return rs, Forward
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
