package dataplane

import (
	"lvsdr/conntable"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/service"
)

// identify is the first half of a frame's way: parse it, find its VIP and its
// service, and ask for the memory of its connection. Forward means: go on.
func (w *Worker) identify(j *job, f *link.Frame) Verdict {
	if v := w.parse(j, f); v != Forward {
		return v
	}
	if v := w.findVIP(j); v != Forward {
		return v
	}
	if v := w.guardLoop(f); v != Forward {
		return v
	}
	if isLaterFragment(&j.packet) {
		return Forward // it follows the first, whatever it says itself
	}
	w.findService(j)
	w.plane.conns.Prefetch(j.home)
	return Forward
}

// direct is the second half: find the connection or schedule one, rewrite the
// MAC addresses, and queue the frame.
func (w *Worker) direct(j *job, f *link.Frame) Verdict {
	if j.packet.Has(frame.IsFragment) {
		return w.directFragment(j, f)
	}
	rs, v := w.destination(j, f)
	if v != Forward {
		return v
	}
	return w.deliver(j, f, rs)
}

// destination finds the real server of a packet with a transport header.
func (w *Worker) destination(j *job, f *link.Frame) (*service.RealServer, Verdict) {
	switch {
	case isICMP(&j.packet):
		return w.directICMP(j, f)
	case j.packet.Has(frame.HasPorts):
		return w.connection(j, f)
	}
	return nil, w.replyNoProtocol(j, f)
}

// deliver sends the packet to the real server. Like a router, it takes a hop off
// before it looks at the length: an answer quotes what it would have sent.
func (w *Worker) deliver(j *job, f *link.Frame, rs *service.RealServer) Verdict {
	mac, v := routeTo(rs, f)
	switch {
	case v != Forward:
		return v
	case w.settings.DecrementTTL && !decrementTTL(j, f):
		return w.replyTimeExceeded(j, f)
	}
	mtu := w.mtuTo(rs)
	tooLong := isTooLong(&j.packet, f, mtu)
	if tooLong {
		if v := w.limitLength(j, f, mtu); v != Forward {
			return v
		}
	}
	w.readdress(f, mac)
	if tooLong {
		w.sendPieces(&j.packet, f, mtu)
	} else {
		w.ports.Egress.Send(f)
	}
	w.count(rs, j)
	return Forward
}

// parse finds the headers. A frame that was cut may lack what matters.
func (w *Worker) parse(j *job, f *link.Frame) Verdict {
	if f.Truncated() {
		return DropCut
	}
	if m := frame.Parse(f.Data(), &j.packet); m != frame.OK {
		return Malformed(m)
	}
	if j.packet.Flags&frame.IsIP == 0 {
		return IgnoreNotIP
	}
	return Forward
}

func (w *Worker) findVIP(j *job) Verdict {
	if j.vip = w.table.VIP(j.packet.Key.Dst); j.vip == nil {
		return IgnoreNotVIP
	}
	return Forward
}

// guardLoop drops what this host itself sent: two directors that sent each
// other the same frame would do so for ever.
func (w *Worker) guardLoop(f *link.Frame) Verdict {
	src := frame.Ethernet(f.Data()).Src()
	for _, own := range w.ports.OwnMACs {
		if src == own {
			return DropOwnSource
		}
	}
	return Forward
}

// findService finds the service of the packet, or of the one that an ICMP
// error quotes, and the key of its connection.
func (w *Worker) findService(j *job) {
	k := j.packet.Key
	if j.packet.Has(frame.IsICMPError) {
		k = j.packet.Quoted.Reverse() // what the client had sent
	}
	j.svc = j.vip.Service(k.Protocol, k.DstPort)
	j.key = conntable.NewKey(k.Src, k.SrcPort, j.vip.Index, k.DstPort, k.Protocol)
	j.home = w.plane.conns.Home(&j.key)
}

// mtuTo returns the length of the longest IP packet that fits the way to the
// server: the egress interface's, or less if the host's route says so; 0: any.
func (w *Worker) mtuTo(rs *service.RealServer) int {
	mtu := w.ports.EgressMTU
	if m := rs.MTU(); m != 0 && (mtu == 0 || m < mtu) {
		return m
	}
	return mtu
}

// isTooLong reports whether a packet does not fit.
func isTooLong(p *frame.Packet, f *link.Frame, mtu int) bool {
	return mtu != 0 && p.End-p.Network > mtu && segmentLen(p, f) > mtu
}

// limitLength does what a router does with a packet that is too long: it is cut
// into fragments, which Forward stands for, or refused.
func (w *Worker) limitLength(j *job, f *link.Frame, mtu int) Verdict {
	switch {
	case j.packet.Has(frame.DontFragment):
		return w.replyFragmentation(j, f, mtu)
	case !maySplit(&j.packet, f, mtu):
		return DropTooLong
	}
	return Forward
}

// maySplit reports whether a packet can be cut into fragments.
func maySplit(p *frame.Packet, f *link.Frame, mtu int) bool {
	return !p.Has(frame.DontFragment) && !f.VNet().IsGSO() && mtu >= minMTU
}

// segmentLen returns the length of the longest IP packet as which the frame
// leaves the egress interface: one of its segments, if it is cut into some.
func segmentLen(p *frame.Packet, f *link.Frame) int {
	size := int(f.VNet().GSOSize())
	if !f.VNet().IsGSO() || size == 0 {
		return p.End - p.Network
	}
	header := frame.UDPLen
	if p.Key.Protocol == frame.ProtocolTCP {
		header = frame.TCP(f.Data()[p.Transport:]).HeaderLen()
	}
	return p.Transport - p.Network + header + size
}

// routeTo returns the MAC address of the server, unless the frame must not go
// there.
func routeTo(rs *service.RealServer, f *link.Frame) (frame.MAC, Verdict) {
	mac, resolved, _ := rs.Route()
	switch {
	case !resolved:
		return mac, DropUnresolved
	case frame.Ethernet(f.Data()).Src() == mac:
		return mac, DropServerSource
	}
	return mac, Forward
}

// readdress changes the frame's MAC addresses: with a hop, that is all that
// forwarding changes.
func (w *Worker) readdress(f *link.Frame, mac frame.MAC) {
	eth := frame.Ethernet(f.Data())
	eth.SetDst(mac)
	eth.SetSrc(w.ports.EgressMAC)
}

func decrementTTL(j *job, f *link.Frame) bool {
	p := f.Data()[j.packet.Network:j.packet.End]
	if j.packet.TTL <= 1 {
		return false
	}
	if j.packet.Has(frame.IsIPv4) {
		return frame.IPv4(p).DecrementTTL()
	}
	return frame.IPv6(p).DecrementHopLimit()
}

// count adds the packet to what the batch sent to its server.
func (w *Worker) count(rs *service.RealServer, j *job) {
	for int(rs.ID) >= len(w.loads) {
		w.loads = append(w.loads, load{})
	}
	l := &w.loads[rs.ID]
	if l.server != rs { // another had the number before: its counts went with its batch
		*l = load{server: rs}
	}
	if l.packets == 0 {
		w.touched = append(w.touched, rs.ID)
	}
	l.packets++
	l.bytes += uint64(j.packet.End - j.packet.Network)
}
