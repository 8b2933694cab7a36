package dataplane

import (
	"math/rand/v2"

	"lvsdr/dataplane/link"
	"lvsdr/frame"
)

// maxQuote is how much of the offending packet an ICMP error carries, so that
// the error is no longer than the smallest packet that every link takes (RFC
// 1812, 4.3.2.3; RFC 4443, 2.4 allows more, and this is enough).
const maxQuote = 548

// replyLen is the longest reply that is built: Ethernet header with two tags,
// IP header, ICMP header, quote.
const replyLen = 14 + 8 + frame.IPv6Len + frame.ICMPLen + maxQuote

// icmpv6PortUnreachable is a code of ICMPv6 destination unreachable (RFC 4443,
// 3.1).
const icmpv6PortUnreachable = 4

// protocolIGMP is an IP protocol number.
const protocolIGMP = 2

// replyTTL is the TTL of packets that the director makes.
const replyTTL = 64

// The TOS byte of an ICMP error: the precedence of network control, and the
// packet's type of service (linux/ip.h).
const (
	networkControl = 0xc0
	tosMask        = 0x1e
)

// replies are buffers for the packets that a batch makes: they must not change
// until the batch is flushed.
type replies struct {
	buffers [BatchSize][]byte
	frames  [BatchSize]link.Frame
	used    int
	id      uint16 // IPv4 identification of the last one that may be fragmented
}

func (r *replies) init() {
	r.id = uint16(rand.Uint32())
	for i := range r.buffers {
		r.buffers[i] = make([]byte, link.Headroom+replyLen)
	}
}

func (r *replies) reset() { r.used = 0 }

// mayFragment gives a packet an identification, and takes DF away.
func (r *replies) mayFragment(h frame.IPv4) {
	r.id++
	h.SetID(r.id)
	h.ClearDontFragment()
}

// begin returns a frame back to where f came from, in its VLAN, with the
// Ethernet header and an IP header for a payload of n bytes, and the payload. Like
// the kernel's, what is no error has the TOS of the packet that it answers; an
// error has the precedence of network control (RFC 1812, 4.3.2.5) and may be
// fragmented.
func (w *Worker) begin(j *job, f *link.Frame, protocol uint8, n int) (*link.Frame, []byte) {
	r := &w.replies
	reply := &r.frames[r.used]
	in, p := f.Data(), &j.packet
	header := frame.IPv4Len
	if p.Has(frame.IsIPv6) {
		header = frame.IPv6Len
	}
	size := p.Network + header + n
	*reply = link.Frame{Raw: r.buffers[r.used][:link.Headroom+size], TCI: f.TCI, TPID: f.TPID, WireLen: size}
	r.used++
	reply.VNet().Clear()
	out := reply.Data()
	copy(out, in[:p.Network]) // with the tags that are in the frame
	w.turnEthernet(out, in)
	if ip := frame.IPv4(out[p.Network:]); p.Has(frame.IsIPv4) {
		ip.Init(p.Key.Dst, p.Key.Src, protocol, replyTTL, n)
		tos := frame.IPv4(in[p.Network:]).TOS()
		if protocol == frame.ProtocolICMP {
			tos = tos&tosMask | networkControl
			r.mayFragment(ip)
		}
		ip.SetTOS(tos)
		ip.UpdateChecksum()
	} else {
		frame.IPv6(ip).Init(p.Key.Dst, p.Key.Src, protocol, replyTTL, n)
	}
	return reply, out[p.Network+header:]
}

// turnEthernet addresses out to the sender of in. The frame goes back to the
// MAC from which it came: a router's, if the client is behind one.
func (w *Worker) turnEthernet(out, in []byte) {
	src := frame.Ethernet(in).Src()
	frame.Ethernet(out).SetDst(src)
	frame.Ethernet(out).SetSrc(w.ports.VIPMAC)
}

// replyRST answers a TCP segment as a host does on which nothing listens
// (RFC 9293, 3.10.7.1).
func (w *Worker) replyRST(j *job, f *link.Frame) Verdict {
	p := &j.packet
	switch {
	case !w.limits.resets.take():
		return DropRateLimited
	case !isIntact(p, f):
		return DropChecksum
	}
	segment := frame.TCP(f.Data()[p.Transport:p.End])
	reply, tcp := w.begin(j, f, frame.ProtocolTCP, frame.TCPLen)
	if p.TCPFlags&frame.TCPAck != 0 {
		frame.TCP(tcp).Init(p.Key.DstPort, p.Key.SrcPort, segment.Ack(), 0, frame.TCPRst)
	} else {
		frame.TCP(tcp).Init(p.Key.DstPort, p.Key.SrcPort, 0, segment.Seq()+sequenceLen(segment), frame.TCPRst|frame.TCPAck)
	}
	frame.TCP(tcp).UpdateChecksum(p.Key.Dst, p.Key.Src)
	w.ports.Reply.Send(reply)
	return ReplyRST
}

// sequenceLen is how much of the sequence space a segment takes.
func sequenceLen(t frame.TCP) uint32 {
	n := uint32(len(t) - t.HeaderLen())
	if t.Flags()&frame.TCPSyn != 0 {
		n++
	}
	if t.Flags()&frame.TCPFin != 0 {
		n++
	}
	return n
}

// replyUnreachable answers a packet that no service, or no server, takes. To the
// one, a host's stack would say nothing if the checksum is wrong; to the other,
// IPVS answers before it.
func (w *Worker) replyUnreachable(j *job, f *link.Frame) Verdict {
	switch {
	case j.svc == nil && j.packet.Key.Protocol == frame.ProtocolSCTP:
		return w.replyNoProtocol(j, f)
	case j.svc == nil && !isIntact(&j.packet, f):
		return DropChecksum
	}
	if j.packet.Has(frame.IsIPv4) {
		return w.replyError(j, f, ReplyUnreachable, frame.ICMPDestUnreachable, frame.ICMPCodePortUnreachable, 0)
	}
	return w.replyError(j, f, ReplyUnreachable, frame.ICMPv6DestUnreachable, icmpv6PortUnreachable, 0)
}

// replyNoProtocol answers a packet of a protocol that no service can have, or for
// which the host would need a service: it has nothing else that speaks it (RFC
// 1122, 3.2.2.1). IGMP every host speaks.
func (w *Worker) replyNoProtocol(j *job, f *link.Frame) Verdict {
	p := &j.packet
	if !p.Has(frame.IsIPv4) || p.Has(frame.IsFragment) || p.Key.Protocol == protocolIGMP {
		return DropProtocol
	}
	return w.replyError(j, f, ReplyUnreachable, frame.ICMPDestUnreachable, frame.ICMPCodeProtoUnreachable, 0)
}

func (w *Worker) replyFragmentation(j *job, f *link.Frame, mtu int) Verdict {
	if j.packet.Has(frame.IsIPv4) {
		return w.replyError(j, f, ReplyFragmentation, frame.ICMPDestUnreachable, frame.ICMPCodeFragNeeded, mtu)
	}
	return w.replyError(j, f, ReplyFragmentation, frame.ICMPv6PacketTooBig, 0, mtu)
}

func (w *Worker) replyTimeExceeded(j *job, f *link.Frame) Verdict {
	if j.packet.Has(frame.IsIPv4) {
		return w.replyError(j, f, ReplyTimeExceeded, frame.ICMPTimeExceeded, 0, 0)
	}
	return w.replyError(j, f, ReplyTimeExceeded, frame.ICMPv6TimeExceeded, 0, 0)
}

// replyError sends an ICMP error that quotes the packet, from the VIP to the
// client (RFC 792, RFC 4443). Nothing is said about an ICMP error, nor about a
// fragment that is not the first (RFC 1122, 3.2.2): so a frame has one reply at
// most, however many fragments waited for it.
func (w *Worker) replyError(j *job, f *link.Frame, v Verdict, typ, code uint8, mtu int) Verdict {
	p := &j.packet
	if p.Has(frame.IsICMPError) || isLaterFragment(p) {
		if v == ReplyTimeExceeded {
			return DropTTL
		}
		return DropTooLong
	}
	if !w.limits.errors.take() {
		return DropRateLimited
	}
	quote := f.Data()[p.Network:min(p.End, p.Network+maxQuote)]
	protocol := frame.ProtocolICMP
	if p.Has(frame.IsIPv6) {
		protocol = frame.ProtocolICMPv6
	}
	reply, message := w.begin(j, f, protocol, frame.ICMPLen+len(quote))
	copy(message[frame.ICMPLen:], quote)
	if p.Has(frame.IsIPv4) {
		m := frame.ICMP(message)
		m.Init(typ, code)
		m.SetMTU(uint16(mtu))
		m.UpdateChecksum()
	} else {
		m := frame.ICMPv6(message)
		m.Init(typ, code)
		m.SetMTU(uint32(mtu))
		m.UpdateChecksum(p.Key.Dst, p.Key.Src)
	}
	w.ports.Reply.Send(reply)
	return v
}

// replyEcho turns the request itself into the reply and sends it back. It may be
// fragmented, as the kernel's.
func (w *Worker) replyEcho(j *job, f *link.Frame) Verdict {
	data, p := f.Data(), &j.packet
	switch {
	case !w.limits.echoes.take():
		return DropRateLimited
	case !isIntact(p, f):
		return DropChecksum
	}
	w.turnEthernet(data, data)
	if ip := data[p.Network:p.End]; p.Has(frame.IsIPv4) {
		h := frame.IPv4(ip)
		h.SetSrc(p.Key.Dst)
		h.SetDst(p.Key.Src)
		h.SetTTL(replyTTL)
		w.replies.mayFragment(h)
		h.UpdateChecksum()
		frame.ICMP(data[p.Transport:p.End]).SetType(frame.ICMPEchoReply)
	} else {
		h := frame.IPv6(ip)
		h.SetSrc(p.Key.Dst)
		h.SetDst(p.Key.Src)
		h.SetHopLimit(replyTTL)
		frame.ICMPv6(data[p.Transport:p.End]).SetType(frame.ICMPv6EchoReply)
	}
	w.ports.Reply.Send(f)
	return ReplyEcho
}

// isIntact reports whether the checksum of what the IP packet carries is right,
// or cannot be known here: that of a fragment, and one that a card has still to
// make or has checked.
func isIntact(p *frame.Packet, f *link.Frame) bool {
	if p.Has(frame.IsFragment) || f.VNet().Flags() != 0 || f.VNet().IsGSO() {
		return true
	}
	b := f.Data()[p.Transport:p.End]
	switch p.Key.Protocol {
	case frame.ProtocolICMP:
		return frame.Checksum(b, 0) == 0
	case frame.ProtocolUDP:
		if frame.UDP(b).Checksum() == 0 { // none was made
			return p.Has(frame.IsIPv4)
		}
		b = b[:frame.UDP(b).Length()]
	}
	return frame.Checksum(b, frame.PseudoSum(p.Key.Src, p.Key.Dst, p.Key.Protocol, len(b))) == 0
}
