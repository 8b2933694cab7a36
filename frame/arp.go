package frame

import "encoding/binary"

// ARPLen is the length of an ARP packet for Ethernet and IPv4.
const ARPLen = 28

// ARP operations (RFC 826).
const (
	ARPRequest uint16 = 1
	ARPReply   uint16 = 2
)

const (
	arpHardware    = 0
	arpProtocol    = 2
	arpHardwareLen = 4
	arpProtocolLen = 5
	arpOperation   = 6
	arpSenderMAC   = 8
	arpSenderIP    = 14
	arpTargetMAC   = 18
	arpTargetIP    = 24

	arpHardwareEthernet = 1
)

// ARP is a view of an ARP packet for Ethernet and IPv4.
type ARP []byte

// Valid reports whether a is long enough and of hardware type Ethernet and
// protocol type IPv4. The other getters need that to hold.
func (a ARP) Valid() bool {
	return len(a) >= ARPLen &&
		binary.BigEndian.Uint16(a[arpHardware:]) == arpHardwareEthernet &&
		binary.BigEndian.Uint16(a[arpProtocol:]) == EtherTypeIPv4 &&
		a[arpHardwareLen] == 6 && a[arpProtocolLen] == 4
}

// Init writes the whole packet.
func (a ARP) Init(operation uint16, senderMAC MAC, senderIP Addr, targetMAC MAC, targetIP Addr) {
	binary.BigEndian.PutUint16(a[arpHardware:], arpHardwareEthernet)
	binary.BigEndian.PutUint16(a[arpProtocol:], EtherTypeIPv4)
	a[arpHardwareLen], a[arpProtocolLen] = 6, 4
	binary.BigEndian.PutUint16(a[arpOperation:], operation)
	*(*MAC)(a[arpSenderMAC:]) = senderMAC
	binary.BigEndian.PutUint32(a[arpSenderIP:], senderIP.As4())
	*(*MAC)(a[arpTargetMAC:]) = targetMAC
	binary.BigEndian.PutUint32(a[arpTargetIP:], targetIP.As4())
}

// Operation returns [ARPRequest], [ARPReply] or what else stands there.
func (a ARP) Operation() uint16 { return binary.BigEndian.Uint16(a[arpOperation:]) }

// SenderMAC returns the sender's hardware address.
func (a ARP) SenderMAC() MAC { return MAC(a[arpSenderMAC:]) }

// SenderIP returns the sender's protocol address.
func (a ARP) SenderIP() Addr { return AddrFrom4(binary.BigEndian.Uint32(a[arpSenderIP:])) }

// TargetMAC returns the target's hardware address.
func (a ARP) TargetMAC() MAC { return MAC(a[arpTargetMAC:]) }

// TargetIP returns the target's protocol address.
func (a ARP) TargetIP() Addr { return AddrFrom4(binary.BigEndian.Uint32(a[arpTargetIP:])) }
