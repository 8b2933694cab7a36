package neighbor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
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
	SenderIP            netip.Addr // 0.0.0.0 where we have no address (RFC 5227, 1.1)
	TargetMAC           frame.MAC  // zero in a request
	TargetIP            netip.Addr
}

// errMalformed is wrapped by every error of Decode.
var errMalformed = errors.New("malformed ARP packet")

const (
	hardwareEthernet = 1
	maxFrame         = 128 // an ARP frame has 42 bytes, 60 with padding
)

// Decode reads one untagged Ethernet frame. It refuses what is not ARP for IPv4
// over Ethernet and operations other than request and reply. Who sent it is not
// judged here: a real server's address in a wrong mouth is to be reported.
func Decode(b []byte) (Packet, error) {
	var f ethernet.Frame
	if err := f.UnmarshalBinary(b); err != nil {
		return Packet{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if f.VLAN != nil || f.EtherType != ethernet.EtherTypeARP {
		return Packet{}, fmt.Errorf("%w: not an untagged ARP frame", errMalformed)
	}
	var a arp.Packet
	if err := a.UnmarshalBinary(f.Payload); err != nil {
		return Packet{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if a.HardwareType != hardwareEthernet || a.HardwareAddrLength != 6 ||
		a.ProtocolType != uint16(ethernet.EtherTypeIPv4) || a.IPLength != 4 {
		return Packet{}, fmt.Errorf("%w: not for IPv4 over Ethernet", errMalformed)
	}
	p := Packet{
		Destination: frame.MAC(f.Destination),
		Source:      frame.MAC(f.Source),
		Operation:   Operation(a.Operation),
		SenderMAC:   frame.MAC(a.SenderHardwareAddr),
		SenderIP:    a.SenderIP,
		TargetMAC:   frame.MAC(a.TargetHardwareAddr),
		TargetIP:    a.TargetIP,
	}
	if p.Operation != Request && p.Operation != Reply {
		return Packet{}, fmt.Errorf("%w: neither request nor reply", errMalformed)
	}
	return p, nil
}

// Encode returns p as an Ethernet frame padded to the minimum of 60 bytes.
// Its IP addresses must be IPv4.
func (p *Packet) Encode() ([]byte, error) {
	a, err := arp.NewPacket(arp.Operation(p.Operation),
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
