package dataplane

import (
	"slices"

	"lvsdr/conntable"
	"lvsdr/frame"
	"lvsdr/scheduler"
	"lvsdr/service"
)

// Explanation is what would become of a packet that opens a connection, or
// belongs to one, and by which decisions. Those that are not reached are nil.
type Explanation struct {
	VIP     *service.VIP
	Service *service.Service

	Entry       *conntable.Connection
	EntryServer *service.RealServer
	Reopens     bool // the entry is put aside: the packet opens a new connection

	Template       *conntable.Connection
	TemplateServer *service.RealServer
	Controls       int  // connections of the template
	Leaves         bool // the template's server takes no clients any more

	Scheduled *service.RealServer // that the scheduler picks, or the overflow
	Sure      bool                // the next pick gives the same
	Full      bool                // there is no place in the table: Scheduled is the overflow's

	Server  *service.RealServer // where the packet goes; nil: nowhere
	MAC     frame.MAC
	Verdict Verdict
}

// Explain tells what would become of a packet with this flow that opens a
// connection: a SYN, an INIT, a datagram. It changes nothing. What is said holds
// for the moment: workers and time go on.
func (p *Plane) Explain(k frame.Key) (e Explanation) {
	// A worker without links: it is asked for decisions only.
	w := &Worker{plane: p, table: p.services.Load(), now: p.conns.Now(), settings: p.settings.Load()}
	if e.VIP = w.table.VIP(k.Dst); e.VIP == nil {
		e.Verdict = IgnoreNotVIP
		return e
	}
	j := &job{packet: frame.Packet{Key: k}, vip: e.VIP, event: opening(k.Protocol)}
	w.findService(j)
	e.Service = j.svc
	if !w.explainEntry(j, &e) {
		w.explainNew(j, &e)
	}
	if e.Verdict == Forward {
		w.explainMAC(&e)
	}
	return e
}

// opening is the event of a packet that opens a connection.
func opening(protocol uint8) conntable.Event {
	switch protocol {
	case frame.ProtocolTCP:
		return conntable.EventSyn
	case frame.ProtocolSCTP:
		return conntable.EventSCTPInit
	}
	return conntable.EventUDP
}

// explainEntry looks at the connection table as connection does; false if that
// decides nothing.
func (w *Worker) explainEntry(j *job, e *Explanation) bool {
	entry, _, ok := w.plane.conns.Find(&j.key, w.now)
	c, alive := w.plane.conns.Lookup(&j.key, j.home, w.now)
	if !ok || !alive || w.isIdle() {
		return false
	}
	rs := w.table.Server(c.Server())
	e.Entry, e.EntryServer = &entry, rs
	switch w.judge(j, &c, rs) {
	case entryWaits:
		e.Verdict = DropServerGone
		return true
	case entryEnds:
		e.Reopens = true
		return false
	}
	e.Server, e.Verdict = rs, Forward
	return true
}

// explainNew decides as open and schedule do.
func (w *Worker) explainNew(j *job, e *Explanation) {
	switch {
	case j.svc == nil:
		e.Verdict = refusalNoService(j)
		return
	case slices.Contains(*w.plane.own.Load(), j.packet.Key.Src):
		e.Verdict = DropOwnAddress
		return
	}
	if j.svc.IsPersistent() && w.explainTemplate(j, e) {
		return
	}
	var picked *scheduler.Candidate
	e.Full = !w.hasRoom(j)
	if e.Full {
		picked, e.Sure = w.pickOverflow(j.svc, &j.packet.Key), true
	} else {
		w.setFlow(&j.packet.Key)
		picked, e.Sure = j.svc.Peek(&w.flow)
	}
	if picked == nil {
		e.Verdict = refusalNoServer(j, true)
		return
	}
	e.Scheduled = w.server(picked)
	e.Server, e.Verdict = e.Scheduled, Forward
	if e.Scheduled == nil {
		e.Verdict = DropUndecided
	}
}

// hasRoom reports whether the connection, and the template that it needs, find a
// place in the table.
func (w *Worker) hasRoom(j *job) bool {
	if j.svc.IsPersistent() {
		key := w.template(j)
		if !w.plane.conns.HasRoom(&key, conntable.StateTemplate) {
			return false
		}
	}
	return j.svc.OnePacket || w.plane.conns.HasRoom(&j.key, conntable.StateNone.Next(j.event))
}

// explainTemplate looks at the client's template as remembered does; false if
// there is none that decides.
func (w *Worker) explainTemplate(j *job, e *Explanation) bool {
	key := w.template(j)
	c, controls, ok := w.plane.conns.Find(&key, w.now)
	if !ok || c.Remaining(w.now) == 0 && controls == 0 {
		return false
	}
	rs := w.table.Server(c.Server)
	e.Template, e.TemplateServer, e.Controls = &c, rs, controls
	if rs == nil || !w.keepsClients(rs) {
		e.Leaves = true
		return false
	}
	e.Server, e.Sure, e.Verdict = rs, true, Forward
	return true
}

func (w *Worker) explainMAC(e *Explanation) {
	mac, resolved, _ := e.Server.Route()
	e.MAC = mac
	if !resolved {
		e.Verdict = DropUnresolved
	}
}
