package dataplane

import (
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/scheduler"
	"lvsdr/service"
)

func isICMP(p *frame.Packet) bool {
	return p.Has(frame.IsIPv4) && p.Key.Protocol == frame.ProtocolICMP ||
		p.Has(frame.IsIPv6) && p.Key.Protocol == frame.ProtocolICMPv6
}

// directICMP answers an echo request, and finds the server to which an error
// belongs: that of the connection which it quotes. The connection's timer is
// not touched.
func (w *Worker) directICMP(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	switch {
	case isParameterProblem(&j.packet): // IPVS does not pass it on either
		return nil, DropICMP
	case j.packet.Has(frame.IsICMPError):
		return w.relatedServer(j)
	case isEchoRequest(&j.packet) && !j.packet.Has(frame.IsFragment):
		return nil, w.replyEcho(j, f)
	}
	return nil, DropICMP
}

func isParameterProblem(p *frame.Packet) bool {
	if p.Has(frame.IsIPv4) {
		return p.ICMPType == frame.ICMPParamProblem
	}
	return p.ICMPType == frame.ICMPv6ParamProblem
}

func isEchoRequest(p *frame.Packet) bool {
	if p.Has(frame.IsIPv4) {
		return p.ICMPType == frame.ICMPEchoRequest && p.ICMPCode == 0
	}
	return p.ICMPType == frame.ICMPv6EchoRequest && p.ICMPCode == 0
}

func (w *Worker) relatedServer(j *job) (*service.RealServer, Verdict) {
	if !j.packet.Has(frame.QuotedHasPorts) || j.packet.Quoted.Src != j.packet.Key.Dst || w.isIdle() {
		return nil, DropICMPUnrelated
	}
	c, ok := w.plane.conns.Lookup(&j.key, j.home, w.now)
	if !ok {
		return w.relatedWithoutEntry(j)
	}
	rs := w.table.Server(c.Server())
	if rs == nil || isGone(rs) && !w.awaits(rs) {
		return nil, DropICMPUnrelated
	}
	return rs, Forward
}

// relatedWithoutEntry finds the server of a connection that may be alive though
// the table does not know it, as for its segments: without it, path MTU
// discovery would fail exactly for those.
func (w *Worker) relatedWithoutEntry(j *job) (*service.RealServer, Verdict) {
	if j.svc == nil {
		return nil, DropICMPUnrelated
	}
	sent := j.packet.Quoted.Reverse()
	var picked *scheduler.Candidate
	switch {
	case w.plane.mayOverflow(w.now):
		picked = w.pickOverflow(j.svc, &sent)
	case w.settings.ScheduleICMP:
		return w.scheduleICMP(j, &sent)
	case w.plane.inGrace(w.now) && j.svc.FindsAgain() && !j.svc.Undecided():
		w.setFlow(&sent)
		picked = j.svc.Schedule(&w.flow)
	}
	if picked == nil {
		return nil, DropICMPUnrelated
	}
	if rs := w.server(picked); rs != nil {
		return rs, Forward
	}
	return nil, DropICMPUnrelated
}

// unmoved is how long a connection lives which no packet of its own has moved
// (ip_vs_conn_new).
var unmoved = conntable.Ticks(3 * time.Second)

// scheduleICMP schedules the connection that an error quotes, of which nothing
// is known (IPVS: schedule_icmp).
func (w *Worker) scheduleICMP(j *job, sent *frame.Key) (*service.RealServer, Verdict) {
	rs, controlled, v := w.choose(j, sent)
	switch v {
	case Forward:
	case DropNoServer:
		return nil, DropICMPUnrelated
	default:
		return nil, v
	}
	if j.svc.OnePacket {
		if controlled {
			w.release(j, rs.ID)
		}
		return rs, Forward
	}
	state := conntable.StateNone
	if sent.Protocol == frame.ProtocolUDP {
		state = conntable.StateUDP
	}
	rs, outcome := w.enter(j, rs, controlled, state, unmoved)
	if rs == nil || outcome == conntable.Full {
		return nil, DropICMPUnrelated
	}
	return rs, Forward
}
