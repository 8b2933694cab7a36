package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"
)

// Frame is a captured Ethernet frame.
type Frame struct {
	Time time.Time // when the kernel saw it
	// Data is the frame from the destination MAC on, with its VLAN tag, cut to
	// the capture's SnapLen.
	Data     []byte
	Length   int  // of the whole frame
	Outgoing bool // sent by this end; otherwise received
	// Partial: the transport checksum is still to be filled in by the
	// hardware, which checksum offload has postponed.
	Partial bool
}

// Dst returns the destination MAC address.
func (f Frame) Dst() net.HardwareAddr { return f.address(0) }

// Src returns the source MAC address.
func (f Frame) Src() net.HardwareAddr { return f.address(6) }

func (f Frame) address(at int) net.HardwareAddr {
	if len(f.Data) < at+6 {
		return nil
	}
	return net.HardwareAddr(f.Data[at : at+6])
}

// EtherTypes (IEEE 802 numbers).
const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeVLAN = 0x8100
	typeQinQ = 0x88a8
	typeIPv6 = 0x86dd
)

// EtherType returns the type after all VLAN tags, or 0.
func (f Frame) EtherType() uint16 {
	_, t := f.network()
	return t
}

// network returns where the network layer starts, and its type; if the frame ends
// before that, its end and 0.
func (f Frame) network() (at int, etherType uint16) {
	for at := 12; len(f.Data) >= at+2; at += 4 {
		switch t := binary.BigEndian.Uint16(f.Data[at:]); t {
		case typeVLAN, typeQinQ:
		default:
			return at + 2, t
		}
	}
	return len(f.Data), 0
}

// VLAN returns the identifier in the outer VLAN tag, and whether there is one.
func (f Frame) VLAN() (id uint16, tagged bool) {
	if len(f.Data) < 16 {
		return 0, false
	}
	switch binary.BigEndian.Uint16(f.Data[12:]) {
	case typeVLAN, typeQinQ:
		return binary.BigEndian.Uint16(f.Data[14:]) & 0xfff, true
	}
	return 0, false
}

// String is one line, for messages.
func (f Frame) String() string {
	way := "<"
	if f.Outgoing {
		way = ">"
	}
	return fmt.Sprintf("%s %v > %v %s, %d bytes", way, f.Src(), f.Dst(), f.what(), f.Length)
}

// what names what the frame carries, as far as a reader wants to know.
func (f Frame) what() string {
	at, etherType := f.network()
	packet := f.Data[at:]
	switch {
	case etherType == typeARP:
		return "ARP"
	case etherType == typeIPv4 && len(packet) >= 20:
		if binary.BigEndian.Uint16(packet[6:])&0x1fff != 0 {
			return "IPv4 fragment"
		}
		return protocolName(packet[9], "IPv4")
	case etherType == typeIPv6 && len(packet) >= 40:
		return protocolName(packet[6], "IPv6")
	}
	return "Ethernet"
}

func protocolName(number byte, other string) string {
	if name, known := protocolNames[number]; known {
		return name
	}
	return other
}

var protocolNames = map[byte]string{1: "ICMPv4", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}
