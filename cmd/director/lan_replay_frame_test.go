package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// decoded is a frame as the recordings describe it. Of the frames that a director
// makes, the IP identification is not compared.
type decoded struct {
	At, EthDst, EthSrc string
	decodedIP
	AsSent *bool `json:"as_sent"`
}

type decodedIP struct {
	Src, Dst           string
	Len, TTL, TOS, ID  int
	Frag               string
	Proto              any // a name; a number in a later fragment
	SPort, DPort       int
	Flags              string
	UDPLen, Type, Code int
	BadSum             bool
	MTU                int
	Inner              *decodedIP
}

// decodeIP describes an IPv4 packet; quoted: only its beginning, in an ICMP error.
func decodeIP(p []byte, quoted bool) (d decodedIP) {
	word := func(at int) int { return int(binary.BigEndian.Uint16(p[at:])) }
	d.Src, d.Dst = netip.AddrFrom4([4]byte(p[12:16])).String(), netip.AddrFrom4([4]byte(p[16:20])).String()
	d.Len, d.TTL, d.TOS, d.ID = word(2), int(p[8]), int(p[1]), word(4)
	var frag []string
	if word(6)&0x4000 != 0 {
		frag = append(frag, "DF")
	}
	if word(6)&0x2000 != 0 {
		frag = append(frag, "MF")
	}
	offset := word(6) & 0x1fff * 8
	if offset != 0 {
		frag = append(frag, fmt.Sprintf("off=%d", offset))
	}
	d.Frag = strings.Join(frag, ",")
	protocol := int(p[9])
	if offset != 0 {
		d.Proto = float64(protocol) // as JSON has it
		return d
	}
	whole := !quoted && word(6)&0x2000 == 0
	if !quoted {
		p = p[:d.Len]
	}
	d.transport(protocol, p[int(p[0]&15)*4:], whole)
	return d
}

func (d *decodedIP) transport(protocol int, t []byte, whole bool) {
	word := func(at int) int { return int(binary.BigEndian.Uint16(t[at:])) }
	switch protocol {
	case 1:
		d.Proto, d.Type, d.Code = "icmp", int(t[0]), int(t[1])
		d.BadSum = checksum(t) != 0
		if d.Type == 3 && d.Code == 4 {
			d.MTU = word(6)
		}
		if len(t) >= 28 && (d.Type == 3 || d.Type == 4 || d.Type == 11) {
			inner := decodeIP(t[8:], true)
			d.Inner = &inner
		}
	case 6:
		d.Proto, d.SPort, d.DPort = "tcp", word(0), word(2)
		if len(t) < 20 {
			return
		}
		for i, letter := range "FSRPAUEC" {
			if t[13]>>i&1 != 0 {
				d.Flags += string(letter)
			}
		}
		d.BadSum = whole && d.badTransport(6, t)
	case 17:
		d.Proto, d.SPort, d.DPort, d.UDPLen = "udp", word(0), word(2), word(4)
		d.BadSum = whole && word(6) != 0 && d.badTransport(17, t)
	default:
		d.Proto = float64(protocol)
	}
}

// badTransport says whether the checksum of TCP or UDP is wrong.
func (d *decodedIP) badTransport(protocol byte, t []byte) bool {
	pseudo := append(netip.MustParseAddr(d.Src).AsSlice(), netip.MustParseAddr(d.Dst).AsSlice()...)
	pseudo = append(pseudo, 0, protocol, byte(len(t)>>8), byte(len(t)))
	return checksum(append(pseudo, t...)) != 0
}

// checksum is that of RFC 1071; 0 over what includes a right one.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// describe is the frame in a line. What the director made itself has a number
// that nobody could foresee.
func (d decoded) describe() string {
	made := d.At == "client"
	if made {
		d.ID = 0
	}
	text := fmt.Sprintf("%s: %s > %s, %s", d.At, d.EthSrc, d.EthDst, d.decodedIP.describe())
	if d.AsSent != nil && *d.AsSent {
		text += ", as sent"
	}
	return text
}

func (d decodedIP) describe() string {
	text := fmt.Sprintf("%s:%d > %s:%d len %d ttl %d tos %d id %d %s", d.Src, d.SPort, d.Dst, d.DPort, d.Len, d.TTL, d.TOS, d.ID, d.Frag)
	text += fmt.Sprintf(" %v %s udplen %d icmp %d/%d mtu %d badsum %v", d.Proto, d.Flags, d.UDPLen, d.Type, d.Code, d.MTU, d.BadSum)
	if d.Inner != nil {
		text += " [" + d.Inner.describe() + "]"
	}
	return text
}
