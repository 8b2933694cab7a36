package arp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	codec "github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"lvsdr/frame"
)

// Operation is the ARP operation code (RFC 826, ar$op).
type Operation uint16

// The operations that exist in ARP for IPv4 over Ethernet.
const (
	Request Operation = 1
	Reply   Operation = 2
)

// Packet is an ARP packet for IPv4 over Ethernet together with the addresses of
// the frame that carries it.
type Packet struct {
	Destination, Source frame.MAC // of the Ethernet frame
	Operation           Operation
	SenderMAC           frame.MAC
	SenderIP            netip.Addr // 0.0.0.0 in a probe (RFC 5227, 1.1)
	TargetMAC           frame.MAC  // zero in a request
	TargetIP            netip.Addr
}

// IsProbe reports whether p asks for an address without claiming one.
func (p *Packet) IsProbe() bool {
	return p.Operation == Request && p.SenderIP.IsUnspecified()
}

// Implausible names what in p no honest host would send, or returns "": an
// operation other than request and reply, and senders that no single host can
// be.
func (p *Packet) Implausible() string {
	switch {
	case p.Operation != Request && p.Operation != Reply:
		return "neither request nor reply"
	case !p.SenderMAC.IsUnicast():
		return "sender MAC address is no host's"
	case !p.Source.IsUnicast():
		return "Ethernet source is no host's"
	case p.Operation == Reply && p.SenderIP.IsUnspecified():
		return "reply without an address"
	case p.SenderIP.IsMulticast(), p.SenderIP.IsLoopback(), p.SenderIP == broadcastIP:
		return "sender IP address is no host's"
	}
	return ""
}

var broadcastIP = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// ErrMalformed is wrapped by every error of [Decode].
var ErrMalformed = errors.New("malformed ARP packet")

const (
	hardwareEthernet = 1
	maxFrame         = 128 // an ARP frame has 42 bytes, 60 with padding
)

// Decode reads one untagged Ethernet frame. It refuses what is not ARP for IPv4
// over Ethernet and operations other than request and reply. Who sent it is not
// judged here: an address in a wrong mouth may be worth a report. See
// [Packet.Implausible].
func Decode(b []byte) (Packet, error) {
	var f ethernet.Frame
	if err := f.UnmarshalBinary(b); err != nil {
		return Packet{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if f.VLAN != nil || f.EtherType != ethernet.EtherTypeARP {
		return Packet{}, fmt.Errorf("%w: not an untagged ARP frame", ErrMalformed)
	}
	var a codec.Packet
	if err := a.UnmarshalBinary(f.Payload); err != nil {
		return Packet{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if a.HardwareType != hardwareEthernet || a.HardwareAddrLength != 6 ||
		a.ProtocolType != uint16(ethernet.EtherTypeIPv4) || a.IPLength != 4 {
		return Packet{}, fmt.Errorf("%w: not for IPv4 over Ethernet", ErrMalformed)
	}
	if op := Operation(a.Operation); op != Request && op != Reply {
		return Packet{}, fmt.Errorf("%w: neither request nor reply", ErrMalformed)
	}
	return Packet{
		Destination: frame.MAC(f.Destination),
		Source:      frame.MAC(f.Source),
		Operation:   Operation(a.Operation),
		SenderMAC:   frame.MAC(a.SenderHardwareAddr),
		SenderIP:    a.SenderIP,
		TargetMAC:   frame.MAC(a.TargetHardwareAddr),
		TargetIP:    a.TargetIP,
	}, nil
}

// Encode returns p as an Ethernet frame padded to the minimum of 60 bytes.
// Its IP addresses must be IPv4.
func (p *Packet) Encode() ([]byte, error) {
	a, err := codec.NewPacket(codec.Operation(p.Operation),
		net.HardwareAddr(p.SenderMAC[:]), p.SenderIP, net.HardwareAddr(p.TargetMAC[:]), p.TargetIP)
	if err != nil {
		return nil, fmt.Errorf("encode ARP packet: %w", err)
	}
	payload, err := a.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode ARP packet: %w", err)
	}
	f := ethernet.Frame{
		Destination: p.Destination[:],
		Source:      p.Source[:],
		EtherType:   ethernet.EtherTypeARP,
		Payload:     payload,
	}
	b, err := f.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode Ethernet frame: %w", err)
	}
	return b, nil
}
