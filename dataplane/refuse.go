package dataplane

import (
	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/service"
)

// refuseNoService answers a packet to a port of a VIP on which there is no
// service, as a host that owned the VIP would.
func (w *Worker) refuseNoService(j *job, f *link.Frame) Verdict {
	switch {
	case j.event == conntable.EventRst:
		return DropNoService
	case j.packet.Key.Protocol == frame.ProtocolTCP:
		return w.replyRST(j, f)
	case j.packet.Key.Protocol == frame.ProtocolUDP:
		return w.replyUnreachable(j, f)
	}
	return DropNoService
}

// refuseStray answers a TCP segment of a connection that is not known. For SCTP,
// IPVS says nothing.
func (w *Worker) refuseStray(j *job, f *link.Frame) Verdict {
	if j.svc.Reject == service.RejectDrop || j.packet.Key.Protocol != frame.ProtocolTCP {
		return DropNoConnection
	}
	return w.replyRST(j, f)
}

// refuseNoServer answers a client for whom no real server is usable. As long
// as it is not known whether one is, there is nothing to say; a director that
// has just started must not refuse what its predecessor served. Nor is a segment
// in the middle of a connection refused: it comes here only after a start or an
// overflow, when its server may be one that takes no new connections.
func (w *Worker) refuseNoServer(j *job, f *link.Frame) Verdict {
	switch {
	case j.svc.Undecided():
		return DropUndecided
	case !opens(j.event):
		return DropNoConnection
	case j.svc.Reject == service.RejectDrop:
		return DropNoServer
	case j.svc.Reject == service.RejectRST && j.packet.Key.Protocol == frame.ProtocolTCP:
		return w.replyRST(j, f)
	}
	return w.replyUnreachable(j, f)
}
