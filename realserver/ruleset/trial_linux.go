package ruleset

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// trial is a packet on its way through rules. They may write into it.
type trial struct {
	network   value // the network header
	transport value // the ports, and TCP's flags
	ethertype uint16
	family    byte  // as meta nfproto has it
	protocol  value // as meta l4proto has it
	in, out   value // the interface's name
	inIndex   value // and its index, as the host orders bytes
	outIndex  value
	mark      value
	state     uint32     // as ct state has it; 0: there is no connection
	own       netip.Addr // where a redirect leads to
	host      Host
	back      func() answer // whether replies leave where the packet came in; nil: not known

	redirected answer
	moved      bool // to another port, or to one that is not known
}

// The offsets in IPv4 (RFC 791), IPv6 (RFC 8200), ARP on Ethernet (RFC 826), and
// TCP, UDP and SCTP.
const (
	ipv4Protocol, ipv6Protocol  = 9, 6
	ipv4From, ipv4To            = 12, 16
	ipv6From, ipv6To            = 8, 24
	arpFrom, arpTo              = 14, 24
	sourcePort, destinationPort = 0, 2
	tcpFlags, tcpSYN, tcpACK    = 13, 2, 16
)

// clientPort is one of the dynamic ports (RFC 6335), from which most clients
// come.
const clientPort = 49152

// protocolNumbers are those of the protocols that have ports (IANA).
var protocolNumbers = map[string]byte{"tcp": 6, "udp": 17, "sctp": 132}

// newTrial makes the first packet of a connection, or the reply to it.
func newTrial(p Packet, h Host) *trial {
	t := &trial{
		own: p.Own, host: h, mark: knownValue(make([]byte, 4)), state: expr.CtStateBitNEW,
		in: knownValue(make([]byte, unix.IFNAMSIZ)), inIndex: knownValue(make([]byte, 4)),
	}
	t.out, t.outIndex = t.in, t.inIndex
	name, index := interfaceValues(p.Interface)
	if p.Out {
		t.out, t.outIndex, t.state = name, index, expr.CtStateBitESTABLISHED
	} else {
		t.in, t.inIndex = name, index
	}
	if h.Back != nil {
		t.back = func() answer { return known(h.Back(p)) }
	}
	if p.Protocol == "arp" {
		t.makeARP(p)
	} else {
		t.makeIP(p)
		t.makeTransport(p)
	}
	return t
}

// interfaceValues are the name and the index of an interface.
func interfaceValues(name string) (value, value) {
	if name == "" {
		return unknownValue(unix.IFNAMSIZ), unknownValue(4)
	}
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	link, err := net.InterfaceByName(name)
	if err != nil {
		return knownValue(padded), unknownValue(4)
	}
	return knownValue(padded), knownValue(native32(uint32(link.Index)))
}

func native32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// makeARP makes a request that arrives, or a reply that leaves.
func (t *trial) makeARP(p Packet) {
	operation := byte(1)
	if p.Out {
		operation = 2
	}
	t.family, t.ethertype, t.state = unix.NFPROTO_ARP, unix.ETH_P_ARP, 0
	t.network, t.transport, t.protocol = unknownValue(28), unknownValue(0), unknownValue(1)
	t.network.put(0, knownValue([]byte{0, 1, 8, 0, 6, 4, 0, operation}))
	t.putAddr(arpFrom, p.From)
	t.putAddr(arpTo, p.To)
}

func (t *trial) makeIP(p Packet) {
	number := knownValue([]byte{protocolNumbers[p.Protocol]})
	t.protocol = number
	if p.From.Is6() || p.To.Is6() {
		t.family, t.ethertype, t.network = unix.NFPROTO_IPV6, unix.ETH_P_IPV6, unknownValue(40)
		t.network.put(0, knownValue([]byte{0x60}))
		t.network.put(ipv6Protocol, number)
		t.putAddr(ipv6From, p.From)
		t.putAddr(ipv6To, p.To)
		return
	}
	t.family, t.ethertype, t.network = unix.NFPROTO_IPV4, unix.ETH_P_IP, unknownValue(20)
	t.network.put(0, knownValue([]byte{0x45}))
	t.network.put(6, knownValue([]byte{0x40, 0})) // no fragment
	t.network.put(ipv4Protocol, number)
	t.putAddr(ipv4From, p.From)
	t.putAddr(ipv4To, p.To)
}

func (t *trial) putAddr(offset int, addr netip.Addr) {
	if addr.IsValid() {
		t.network.put(offset, knownValue(addr.AsSlice()))
	}
}

func (t *trial) makeTransport(p Packet) {
	t.transport = unknownValue(20)
	service, client, flags := destinationPort, sourcePort, byte(tcpSYN)
	if p.Out {
		service, client, flags = sourcePort, destinationPort, tcpSYN|tcpACK
	}
	t.transport.put(client, knownValue(binary.BigEndian.AppendUint16(nil, clientPort)))
	if p.Port != 0 {
		t.transport.put(service, knownValue(binary.BigEndian.AppendUint16(nil, p.Port)))
	}
	if p.Protocol == "tcp" {
		t.transport.put(tcpFlags, knownValue([]byte{flags}))
	}
}

// to returns where the destination is, and how long it is.
func (t *trial) to() (offset, n int) {
	switch t.family {
	case unix.NFPROTO_IPV6:
		return ipv6To, 16
	case unix.NFPROTO_ARP:
		return arpTo, 4
	}
	return ipv4To, 4
}

// destination returns the destination as the rules so far have left it, or the
// zero address where that is not known.
func (t *trial) destination() netip.Addr {
	offset, n := t.to()
	v := t.network.cut(offset, n)
	if !v.allKnown() {
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(v.data)
	return addr
}

// redirect sends the packet to the host itself; port is the register's value, or
// nothing for the same port.
func (t *trial) redirect(a answer, port *value) {
	offset, n := t.to()
	switch {
	case a == yes && t.own.IsValid():
		t.network.put(offset, knownValue(t.own.AsSlice()))
	default:
		t.network.put(offset, unknownValue(n))
	}
	t.redirected = max(t.redirected, a)
	if port != nil {
		t.moved = true
		if a != yes {
			*port = unknownValue(2)
		}
		t.transport.put(destinationPort, *port)
	}
}

// meta loads what is known beside the packet's bytes.
func (t *trial) meta(key expr.MetaKey, family byte) value {
	switch key {
	case expr.MetaKeyL4PROTO:
		return t.protocol
	case expr.MetaKeyNFPROTO:
		return knownValue([]byte{family})
	case expr.MetaKeyPROTOCOL:
		return knownValue(binary.BigEndian.AppendUint16(nil, t.ethertype))
	case expr.MetaKeyIIFNAME:
		return t.in
	case expr.MetaKeyOIFNAME:
		return t.out
	case expr.MetaKeyIIF:
		return t.inIndex
	case expr.MetaKeyOIF:
		return t.outIndex
	case expr.MetaKeyMARK:
		return t.mark
	case expr.MetaKeyPKTTYPE:
		return knownValue([]byte{unix.PACKET_HOST})
	}
	return unknownValue(unix.IFNAMSIZ)
}

// conntrack loads what is known of the connection.
func (t *trial) conntrack(key expr.CtKey) value {
	switch key {
	case expr.CtKeySTATE:
		return knownValue(native32(t.state))
	case expr.CtKeyDIRECTION:
		direction := byte(0)
		if t.state == expr.CtStateBitESTABLISHED {
			direction = 1
		}
		return knownValue([]byte{direction})
	}
	return unknownValue(16)
}

// fib looks up what rules ask of routes: whether the destination is the host's,
// and whether the way back to the source leads out where the packet came in.
func (t *trial) fib(e *expr.Fib) value {
	switch {
	case e.ResultADDRTYPE && e.FlagDADDR:
		return t.kindOfDestination()
	case e.ResultOIF && e.FlagSADDR && e.FlagIIF && t.back != nil:
		return t.wayBack(e)
	}
	return unknownValue(registerBytes)
}

func (t *trial) kindOfDestination() value {
	to := t.destination()
	if !to.IsValid() {
		return unknownValue(4)
	}
	if slices.Contains(t.host.Addresses, to) {
		return knownValue(native32(unix.RTN_LOCAL))
	}
	return knownValue(native32(unix.RTN_UNICAST))
}

// wayBack is the interface that the way back leaves by, if it is the one that the
// packet came in on, and else 0 or, where only that is asked, false.
func (t *trial) wayBack(e *expr.Fib) value {
	met := t.back()
	switch {
	case met == perhaps:
		return unknownValue(4)
	case e.FlagPRESENT:
		return knownValue([]byte{byte(met / yes)})
	case met == no:
		return knownValue(native32(0))
	}
	return t.inIndex
}
