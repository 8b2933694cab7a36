package dataplane

import (
	"lvsdr/dataplane/link"
	"lvsdr/frame"
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
	case isEchoRequest(&j.packet):
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
	if !j.packet.Has(frame.QuotedHasPorts) || j.packet.Quoted.Src != j.packet.Key.Dst {
		return nil, DropICMPUnrelated
	}
	c, ok := w.plane.conns.Lookup(&j.key, j.home, w.now)
	if !ok {
		return nil, DropICMPUnrelated
	}
	rs := w.table.Server(c.Server)
	if rs == nil || isGone(rs) {
		return nil, DropICMPUnrelated
	}
	return rs, Forward
}
