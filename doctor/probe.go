package doctor

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"lvsdr/frame"
)

// attempts is how often a question is asked that gets no answer.
const attempts = 3

// probe is one question to one real server, and its answer.
type probe struct {
	question
	id     uint16     // source port, or identifier of an echo
	source netip.Addr // this host's address that the answer goes to
	mac    frame.MAC  // the real server's

	ttl  uint8
	sent int
	next time.Time // of the next attempt, or the end of waiting for the last

	answer  answer
	code    uint8     // of answerRejected
	from    frame.MAC // Ethernet source of the answer
	pieces  int       // bytes of the first fragment of an answer in fragments; 0: in one piece
	expired bool      // with a TTL of 1 it ran out of hops
}

// question is what is asked. Questions are comparable.
type question struct {
	server   netip.Addr
	dst      netip.Addr // the VIP, or server itself
	protocol uint8      // frame.ProtocolICMP for an echo
	port     uint16     // of TCP and UDP
	size     int        // bytes of the IP packet of an echo
}

// String names the question, for messages.
func (q question) String() string {
	switch q.protocol {
	case frame.ProtocolTCP:
		return fmt.Sprintf("a SYN to port %d", q.port)
	case frame.ProtocolUDP:
		return fmt.Sprintf("a datagram to UDP port %d", q.port)
	}
	return "an echo request"
}

// answer is what came back.
type answer uint8

const (
	silence        answer = iota
	answerAccepted        // SYN-ACK, datagram, echo reply
	answerRefused         // RST, port unreachable
	answerRejected        // another destination unreachable
	answerExpired         // out of hops, twice
)

// taken reports whether a host has answered for the address asked.
func (a answer) taken() bool { return a == answerAccepted || a == answerRefused }

// open reports whether an answer may still come.
func (p *probe) open(now time.Time) bool {
	return p.answer == silence && (p.sent < attempts || now.Before(p.next))
}

// String names the answer to the question p.
func (p *probe) String() string {
	switch p.protocol {
	case frame.ProtocolTCP:
		return map[answer]string{answerAccepted: "SYN-ACK", answerRefused: "RST"}[p.answer] + fmt.Sprintf(" from port %d", p.port)
	case frame.ProtocolUDP:
		return map[answer]string{answerAccepted: "a datagram", answerRefused: "port unreachable"}[p.answer] + fmt.Sprintf(" from UDP port %d", p.port)
	}
	return "echo"
}

// Sizes in bytes of IP packets.
const (
	smallEcho = frame.IPv4Len + frame.ICMPLen + 32
	hops      = 1
	moreHops  = 2
)

// encode returns the frame that asks, from this MAC address.
func (p *probe) encode(own frame.MAC) []byte {
	switch p.protocol {
	case frame.ProtocolTCP:
		return p.segment(own, p.mac, frame.TCPSyn, p.seq())
	case frame.ProtocolUDP:
		f, body := p.packet(own, p.mac, frame.UDPLen)
		u := frame.UDP(body)
		u.Init(p.id, p.port, 0)
		u.UpdateChecksum(frame.AddrFrom(p.source), frame.AddrFrom(p.dst))
		return f
	}
	f, body := p.packet(own, p.mac, p.size-frame.IPv4Len)
	m := frame.ICMP(body)
	m.Init(frame.ICMPEchoRequest, 0)
	binary.BigEndian.PutUint16(body[icmpID:], p.id)
	m.UpdateChecksum()
	return f
}

// icmpID is the offset of an echo's identifier.
const icmpID = 4

// seq is the sequence number of the SYN; an answer must acknowledge the next one.
func (p *probe) seq() uint32 { return uint32(p.id) << 16 }

// reset returns the frame that ends the connection that a SYN opened.
func (p *probe) reset(own, to frame.MAC) []byte {
	return p.segment(own, to, frame.TCPRst, p.seq()+1)
}

// segment returns a frame with a TCP segment without data.
func (p *probe) segment(own, to frame.MAC, flags uint8, seq uint32) []byte {
	f, body := p.packet(own, to, frame.TCPLen)
	t := frame.TCP(body)
	t.Init(p.id, p.port, seq, 0, flags)
	t.UpdateChecksum(frame.AddrFrom(p.source), frame.AddrFrom(p.dst))
	return f
}

// packet returns a frame with its Ethernet and IPv4 headers written, and the part of it
// that is their payload.
func (p *probe) packet(own, to frame.MAC, payload int) (f, body []byte) {
	const head = frame.EthernetLen + frame.IPv4Len
	f = make([]byte, head+payload)
	e := frame.Ethernet(f)
	e.SetDst(to)
	e.SetSrc(own)
	e.SetEtherType(frame.EtherTypeIPv4)
	frame.IPv4(f[frame.EthernetLen:]).Init(
		frame.AddrFrom(p.source), frame.AddrFrom(p.dst), p.protocol, p.ttl, payload)
	return f, f[head:]
}
