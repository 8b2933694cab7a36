package doctor

import (
	"encoding/binary"
	"time"

	"lvsdr/frame"
)

// hear takes an IP packet that may be an answer.
func (m *machine) hear(now time.Time, b []byte, p *frame.Packet) [][]byte {
	if p.Has(frame.IsICMPError) {
		m.hearError(now, b, p)
		return nil
	}
	body := b[p.Transport:p.End]
	switch {
	case p.Has(frame.IsFragment) && !p.Has(frame.IsFirst):
	case p.Key.Protocol == frame.ProtocolTCP && p.Has(frame.HasPorts):
		return m.hearTCP(b, p)
	case p.Key.Protocol == frame.ProtocolUDP && p.Has(frame.HasPorts):
		if q := m.probe(p.Key, p.Key.DstPort); q != nil && p.Key.SrcPort == q.port {
			q.settle(b, answerAccepted)
		}
	case isEchoReply(p) && len(body) >= frame.ICMPLen:
		if q := m.probe(p.Key, frame.ICMP(body).ID()); q != nil {
			if p.Has(frame.IsFragment) {
				q.pieces = p.End - p.Network
			}
			q.settle(b, answerAccepted)
		}
	}
	return nil
}

func isEchoReply(p *frame.Packet) bool {
	return p.Key.Protocol == frame.ProtocolICMP && p.ICMPType == frame.ICMPEchoReply ||
		p.Key.Protocol == frame.ProtocolICMPv6 && p.ICMPType == frame.ICMPv6EchoReply
}

// probe returns that with this number to which a packet with that key can be
// the answer, or nil.
func (m *machine) probe(k frame.Key, id uint16) *probe {
	i := int(id) - firstID
	if i < 0 || i >= len(m.probes) {
		return nil
	}
	p := m.probes[i]
	if k.Protocol != p.protocol || k.Src != frame.AddrFrom(p.dst) || k.Dst != frame.AddrFrom(p.source) {
		return nil
	}
	return p
}

// settle notes an answer. The first one counts.
func (p *probe) settle(b []byte, a answer) {
	if p.answer == silence {
		p.answer, p.from = a, frame.Ethernet(b).Src()
	}
}

func (m *machine) hearTCP(b []byte, p *frame.Packet) [][]byte {
	q := m.probe(p.Key, p.Key.DstPort)
	if q == nil || p.Key.SrcPort != q.port || frame.TCP(b[p.Transport:]).Ack() != q.seq()+1 {
		return nil
	}
	switch {
	case p.TCPFlags&frame.TCPRst != 0:
		q.settle(b, answerRefused)
	case p.TCPFlags&(frame.TCPSyn|frame.TCPAck) == frame.TCPSyn|frame.TCPAck:
		q.settle(b, answerAccepted)
		// Whoever opened it: often the server, else one that it passed the SYN on to.
		resets := [][]byte{q.reset(m.seg.mac, q.mac)}
		if from := frame.Ethernet(b).Src(); from != q.mac {
			resets = append(resets, q.reset(m.seg.mac, from))
		}
		return resets
	}
	return nil
}

// hearError takes an ICMP error about a probe.
func (m *machine) hearError(now time.Time, b []byte, p *frame.Packet) {
	id, ok := quotedID(b[p.Transport+frame.ICMPLen:p.End], p)
	if !ok {
		return
	}
	q := m.probe(p.Quoted.Reverse(), id)
	if q == nil || q.answer != silence {
		return
	}
	switch e := errorOf(p); {
	case e == outOfHops && q.ttl == hops:
		q.expired = true
		q.ttl, q.sent, q.next = moreHops, 0, now
	case e == outOfHops:
		q.settle(b, answerExpired)
	case e == portUnreachable && q.protocol == frame.ProtocolUDP:
		q.settle(b, answerRefused)
	case e == portUnreachable, e == unreachable:
		q.code = p.ICMPCode
		q.settle(b, answerRejected)
	}
}

// icmpError is what the ICMP errors of both families mean.
type icmpError int

const (
	otherError icmpError = iota // too long too: the size is looked for
	outOfHops
	portUnreachable
	unreachable
)

func errorOf(p *frame.Packet) icmpError {
	type message struct{ protocol, typ, code uint8 }
	switch (message{p.Key.Protocol, p.ICMPType, p.ICMPCode}) {
	case message{frame.ProtocolICMP, frame.ICMPDestUnreachable, frame.ICMPCodeFragNeeded}:
		return otherError
	case message{frame.ProtocolICMP, frame.ICMPDestUnreachable, frame.ICMPCodePortUnreachable},
		message{frame.ProtocolICMPv6, frame.ICMPv6DestUnreachable, frame.ICMPv6CodePortUnreachable}:
		return portUnreachable
	case message{frame.ProtocolICMP, frame.ICMPTimeExceeded, 0}, message{frame.ProtocolICMPv6, frame.ICMPv6TimeExceeded, 0}:
		return outOfHops
	}
	switch (message{p.Key.Protocol, p.ICMPType, 0}) {
	case message{frame.ProtocolICMP, frame.ICMPDestUnreachable, 0}, message{frame.ProtocolICMPv6, frame.ICMPv6DestUnreachable, 0}:
		return unreachable
	}
	return otherError
}

// quotedID returns a probe's number from the packet that an error quotes.
func quotedID(quote []byte, p *frame.Packet) (uint16, bool) {
	if p.Has(frame.QuotedHasPorts) {
		return p.Quoted.SrcPort, true
	}
	header := frame.IPv6Len
	if p.Has(frame.IsIPv4) && len(quote) >= frame.IPv4Len {
		header = frame.IPv4(quote).HeaderLen()
	}
	echo := quote[min(header, len(quote)):]
	if p.Quoted.Protocol != p.Key.Protocol || len(echo) < frame.ICMPLen {
		return 0, false
	}
	return binary.BigEndian.Uint16(echo[icmpID:]), true
}
