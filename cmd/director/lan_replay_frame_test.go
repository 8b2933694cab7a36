package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// recordedFrame is a frame that a director sent, as the recordings describe it.
type recordedFrame struct {
	At             string // the host that got it
	EthDst, EthSrc string
	recordedPacket
	AsSent bool `json:"as_sent"` // the packet that was sent to the director, with one hop less
}

// recordedPacket is an IPv4 packet, or the beginning of one that an ICMP error
// quotes.
type recordedPacket struct {
	Src, Dst        string
	Len, TTL, TOS   int
	ID              int
	Frag            string
	Proto           any // a name; a number if its header is not here
	SPort, DPort    int
	Flags           string
	UDPLen          int
	Type, Code, MTU int // of ICMP
	BadSum          bool
	Inner           *recordedPacket // that ICMP quotes
}

// decodeIPv4 describes a packet; quoted: the end of it is missing.
func decodeIPv4(p []byte, quoted bool) (d recordedPacket) {
	fragment := word(p, 6)
	d.Src, d.Dst = netip.AddrFrom4([4]byte(p[12:])).String(), netip.AddrFrom4([4]byte(p[16:])).String()
	d.Len, d.TTL, d.TOS, d.ID = word(p, 2), int(p[8]), int(p[1]), word(p, 4)
	var frag []string
	if fragment&0x4000 != 0 {
		frag = append(frag, "DF")
	}
	if fragment&0x2000 != 0 {
		frag = append(frag, "MF")
	}
	offset := fragment & 0x1fff * 8
	if offset != 0 {
		frag = append(frag, fmt.Sprintf("off=%d", offset))
	}
	d.Frag = strings.Join(frag, ",")
	d.Proto = float64(p[9]) // as JSON has numbers
	if offset != 0 {
		return d
	}
	if !quoted {
		p = p[:d.Len]
	}
	d.decodeTransport(p[9], p[int(p[0]&15)*4:], !quoted && fragment&0x2000 == 0)
	return d
}

// decodeTransport describes what a packet carries; whole: all of it is here.
func (d *recordedPacket) decodeTransport(protocol byte, t []byte, whole bool) {
	switch protocol {
	case 1:
		d.Proto, d.Type, d.Code, d.BadSum = "icmp", int(t[0]), int(t[1]), internetChecksum(t) != 0
		if d.Type == 3 && d.Code == 4 {
			d.MTU = word(t, 6)
		}
		if d.Type == 3 || d.Type == 4 || d.Type == 11 {
			inner := decodeIPv4(t[8:], true)
			d.Inner = &inner
		}
	case 6:
		d.Proto, d.SPort, d.DPort = "tcp", word(t, 0), word(t, 2)
		if len(t) < 20 {
			return
		}
		for i, letter := range tcpFlagLetters {
			if t[13]>>i&1 != 0 {
				d.Flags += string(letter)
			}
		}
		d.BadSum = whole && d.isDamaged(protocol, t)
	case 17:
		d.Proto, d.SPort, d.DPort, d.UDPLen = "udp", word(t, 0), word(t, 2), word(t, 4)
		d.BadSum = whole && word(t, 6) != 0 && d.isDamaged(protocol, t)
	}
}

// tcpFlagLetters are the flags from the lowest bit on.
const tcpFlagLetters = "FSRPAUEC"

func word(b []byte, at int) int { return int(binary.BigEndian.Uint16(b[at:])) }

func (d *recordedPacket) isDamaged(protocol byte, t []byte) bool {
	src, dst := netip.MustParseAddr(d.Src), netip.MustParseAddr(d.Dst)
	return transportChecksum(src, dst, protocol, t) != 0
}

// transportChecksum is that of TCP and UDP over IPv4; 0 over what has the right
// one.
func transportChecksum(src, dst netip.Addr, protocol byte, t []byte) uint16 {
	pseudo := append(src.AsSlice(), dst.AsSlice()...)
	pseudo = append(pseudo, 0, protocol, byte(len(t)>>8), byte(len(t)))
	return internetChecksum(append(pseudo, t...))
}

// internetChecksum is that of RFC 1071; 0 over what has the right one.
func internetChecksum(b []byte) uint16 {
	var sum uint32
	for i, c := range b {
		sum += uint32(c) << (8 * (1 - i%2))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// String is all of it in a line, but for the identification of what the director
// made itself, which nobody can foresee.
func (f recordedFrame) String() string {
	p := f.recordedPacket
	if f.At == "client" {
		p.ID = 0
	}
	return fmt.Sprintf("%s: %s > %s %v as sent %v", f.At, f.EthSrc, f.EthDst, p, f.AsSent)
}

func (p recordedPacket) String() string {
	text := fmt.Sprintf("%s:%d > %s:%d len %d ttl %d tos %d id %d frag %q proto %v", p.Src, p.SPort, p.Dst, p.DPort,
		p.Len, p.TTL, p.TOS, p.ID, p.Frag, p.Proto)
	switch {
	case p.Proto == "tcp":
		text += " flags " + p.Flags
	case p.Proto == "udp":
		text += fmt.Sprintf(" length %d", p.UDPLen)
	case p.Inner != nil:
		text += fmt.Sprintf(" %d/%d mtu %d about {%v}", p.Type, p.Code, p.MTU, *p.Inner)
	}
	if p.BadSum {
		text += " damaged"
	}
	return text
}
