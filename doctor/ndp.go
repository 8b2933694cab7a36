package doctor

import (
	"lvsdr/finding"
	"lvsdr/frame"
)

// hearNDP takes an ICMPv6 message and notes what it says of who has an address.
func (m *machine) hearNDP(b []byte, p *frame.Packet) {
	message := frame.NDP(b[p.Transport:p.End])
	if !message.Valid(p.Key.Src, p.Key.Dst, p.TTL) {
		return
	}
	source := frame.Ethernet(b).Src()
	if p.ICMPType == frame.ICMPv6NeighborSolicitation {
		// The sender names itself. Who probes (RFC 4862, 5.4.2) has no address yet.
		if mac, named := message.LinkLayer(frame.NDPSourceLinkLayer); named {
			source = mac
		}
		m.claims.note(p.Key.Src.Netip(), source, finding.Asks)
		return
	}
	if mac, named := message.LinkLayer(frame.NDPTargetLinkLayer); named {
		source = mac
	}
	target, how := message.Target().Netip(), finding.Announces
	// Who probes is answered in front of all, and so not "solicited" (RFC 4861, 7.2.4).
	if message.Flags()&frame.NDPSolicited != 0 || !m.seg.source(target).IsValid() {
		how = finding.Answers
	}
	m.claims.note(target, source, how)
}
