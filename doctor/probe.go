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
	protocol uint8      // that of echoProtocol for an echo
	port     uint16     // of TCP and UDP
	size     int        // bytes of the IP packet of an echo
}

// String names the question, for messages.
func (q question) String() string {
	switch q.protocol {
	case frame.ProtocolTCP:
		return fmt.Sprintf("a SYN to port %d", q.port)
	case frame.ProtocolUDP:
		if q.port == portDNS {
			return fmt.Sprintf("a DNS query to UDP port %d", q.port)
		}
		return fmt.Sprintf("a datagram to UDP port %d", q.port)
	}
	return "an echo request"
}

// isEcho reports whether it is an echo request.
func (q *question) isEcho() bool { return q.protocol == echoProtocol(q.dst) }

// echoProtocol returns the protocol of an echo request to an address.
func echoProtocol(dst netip.Addr) uint8 {
	if dst.Is4() {
		return frame.ProtocolICMP
	}
	return frame.ProtocolICMPv6
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

// Hops that probes may make.
const (
	hops     = 1
	moreHops = 2
)

// smallEcho is the size in bytes of an IP packet that reaches everybody.
func smallEcho(dst netip.Addr) int {
	return headerLen(frame.AddrFrom(dst)) + frame.ICMPLen + 32
}

// encode returns the frame that asks, from this MAC address.
func (p *probe) encode(own frame.MAC) []byte {
	src, dst := frame.AddrFrom(p.source), frame.AddrFrom(p.dst)
	switch p.protocol {
	case frame.ProtocolTCP:
		return p.segment(own, p.mac, frame.TCPSyn, p.seq())
	case frame.ProtocolUDP:
		text := p.datagram()
		f, body := ipFrame(own, p.mac, src, dst, p.protocol, p.ttl, frame.UDPLen+len(text))
		u := frame.UDP(body)
		u.Init(p.id, p.port, len(text))
		copy(body[frame.UDPLen:], text)
		u.UpdateChecksum(src, dst)
		return f
	}
	f, body := ipFrame(own, p.mac, src, dst, p.protocol, p.ttl, p.size-headerLen(dst))
	binary.BigEndian.PutUint16(body[icmpID:], p.id)
	if p.dst.Is4() {
		body[0] = frame.ICMPEchoRequest
		frame.ICMP(body).UpdateChecksum()
	} else {
		body[0] = frame.ICMPv6EchoRequest
		frame.ICMPv6(body).UpdateChecksum(src, dst)
	}
	return f
}

// portDNS is that of the domain name system, a service that nobody can make talk
// with an empty datagram.
const portDNS = 53

// datagram returns what a probe of a UDP service says: nothing, or to port 53 a query
// (RFC 1035, 4.1) for the name servers of the root, which any name server answers,
// if only to refuse it.
func (p *probe) datagram() []byte {
	if p.port != portDNS {
		return nil
	}
	query := binary.BigEndian.AppendUint16(nil, p.id)
	return append(query,
		0, 0, // a query, recursion not desired
		0, 1, 0, 0, 0, 0, 0, 0, // one question, no more
		0,    // the root
		0, 2, // NS
		0, 1, // IN
	)
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
	src, dst := frame.AddrFrom(p.source), frame.AddrFrom(p.dst)
	f, body := ipFrame(own, to, src, dst, p.protocol, p.ttl, frame.TCPLen)
	t := frame.TCP(body)
	t.Init(p.id, p.port, seq, 0, flags)
	t.UpdateChecksum(src, dst)
	return f
}
