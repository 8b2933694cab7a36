package dataplane

import (
	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/service"
)

// refuse gives the answer that a refusal says, if it says one.
func (w *Worker) refuse(v Verdict, j *job, f *link.Frame) Verdict {
	switch v {
	case ReplyRST:
		return w.replyRST(j, f)
	case ReplyUnreachable:
		return w.replyUnreachable(j, f)
	}
	return v
}

// refusalNoService is for a packet to a port of a VIP on which there is no
// service: what a host does that owns the VIP.
func refusalNoService(j *job) Verdict {
	switch {
	case j.event == conntable.EventRst, j.event == conntable.EventSCTPAbort:
		return DropNoService
	case j.packet.Key.Protocol == frame.ProtocolTCP:
		return ReplyRST
	}
	return ReplyUnreachable
}

// refusalStray is for a TCP segment of a connection that is not known. For SCTP,
// IPVS says nothing.
func refusalStray(j *job) Verdict {
	if j.svc.Reject == service.RejectDrop || j.packet.Key.Protocol != frame.ProtocolTCP {
		return DropNoConnection
	}
	return ReplyRST
}

// refusalNoServer is for a client for whom no real server is usable. As long
// as it is not known whether one is, there is nothing to say; a director that
// has just started must not refuse what its predecessor served. Nor is a segment
// refused that opens nothing: it comes here only after a start or an overflow, when
// it may be in the middle of a connection whose server takes no new ones.
func refusalNoServer(j *job, opens bool) Verdict {
	switch {
	case j.svc.Undecided():
		return DropUndecided
	case !opens:
		return DropNoConnection
	case j.svc.Reject == service.RejectDrop:
		return DropNoServer
	case j.svc.HasFTPData(j.packet.Key.DstPort):
		return ReplyRST // IPVS leaves it to the host
	case j.svc.Reject == service.RejectRST && j.packet.Key.Protocol == frame.ProtocolTCP:
		return ReplyRST
	}
	return ReplyUnreachable
}
