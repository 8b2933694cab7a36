package generator

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Protocol is what the frames carry over IP.
type Protocol string

// The protocols.
const (
	UDP Protocol = "udp"
	TCP Protocol = "tcp"
)

// Limits of Traffic.
const (
	MaxFlows = 10_000_000
	MinSize  = 60   // of an Ethernet frame, without its checksum; IPv6 headers may be longer
	MaxSize  = 1514 // the same, for an MTU of 1500
)

// freshFlows is how many flows are used in turn for frames that open a
// connection, beside those that are open, where the clients have so many.
const freshFlows = 1 << 19

// The networks that were set aside for benchmarks (RFC 2544, RFC 5180).
var (
	clients4 = netip.MustParsePrefix("198.18.0.0/15")
	clients6 = netip.MustParsePrefix("2001:2::/48")
)

// Clients is the network that frames to an address come from where Traffic names
// no other.
func Clients(to netip.Addr) netip.Prefix {
	if to.Is6() {
		return clients6
	}
	return clients4
}

// firstPort is the source port of the first flow of each client, the next flow of
// that client has the next.
const (
	firstPort = 1024
	ports     = 1<<16 - firstPort
)

// clientBits is how many of an address's bits are used to tell clients apart, at
// most: the last word of it.
const clientBits = 16

// Traffic says what the frames are. It is read once.
type Traffic struct {
	Source, Destination [6]byte        // Ethernet addresses
	To                  netip.AddrPort // IPv4 or IPv6
	// From is the clients' network, of To's family; its first 65,536 addresses are
	// used, if it has so many. Default: that of Clients.
	From     netip.Prefix
	Protocol Protocol // default: UDP
	// Flows is from how many address and port pairs the frames come, 1 to
	// MaxFlows; default: 1. Each of them comes once before one comes again. Each
	// client has 64,512 ports.
	Flows int
	// Size is the length of a frame in bytes, to MaxSize; default and least: MinSize,
	// or what the headers take.
	Size int
	// New is the share of frames, 0 to 1, that come from a flow that is none of
	// Flows, and open a connection: with a SYN in TCP. The other frames of TCP are
	// bare ACKs. Fresh says how many such flows there are at most.
	New float64
}

// Fresh is how many flows there may be beside Flows.
func (t *Traffic) Fresh() int {
	if t.New == 0 {
		return 0
	}
	return min(freshFlows, t.room()-t.Flows)
}

// clients is From or its default.
func (t *Traffic) clients() netip.Prefix {
	if !t.From.IsValid() {
		return Clients(t.To.Addr())
	}
	return t.From.Masked()
}

// hostBits is how many bits of a client's address are its number.
func (t *Traffic) hostBits() int {
	p := t.clients()
	return min(clientBits, p.Addr().BitLen()-p.Bits())
}

// room is how many flows the clients can have.
func (t *Traffic) room() int { return ports << t.hostBits() }

// Complete fills in the defaults, and finds mistakes.
func (t *Traffic) Complete() error {
	t.Protocol = cmp.Or(t.Protocol, UDP)
	t.Flows = cmp.Or(t.Flows, 1)
	if t.Protocol != UDP && t.Protocol != TCP {
		return fmt.Errorf("protocol %q: want %s or %s", t.Protocol, UDP, TCP)
	}
	if to := t.To.Addr(); !to.IsValid() || to.Is4In6() || to.Zone() != "" || t.To.Port() == 0 {
		return fmt.Errorf("destination %v: want an address and a port", t.To)
	}
	t.From = t.clients()
	least := max(MinSize, t.layout().headers)
	t.Size = cmp.Or(t.Size, least)
	switch {
	case t.From.Addr().Is4() != t.To.Addr().Is4():
		return fmt.Errorf("clients from %v to %v: want both IPv4 or both IPv6", t.From, t.To.Addr())
	case t.Flows < 1 || t.Flows > MaxFlows:
		return fmt.Errorf("%d flows: want 1 to %d", t.Flows, MaxFlows)
	case t.Size < least || t.Size > MaxSize:
		return fmt.Errorf("frames of %d bytes: want %d to %d", t.Size, least, MaxSize)
	case !(t.New >= 0 && t.New <= 1):
		return fmt.Errorf("share of new flows %v: want 0 to 1", t.New)
	case t.Flows > t.room() || t.New > 0 && t.Flows == t.room():
		return fmt.Errorf("%d flows from %v: its clients have %d ports, and new flows need some too", t.Flows, t.From, t.room())
	}
	return nil
}

// Sources are the addresses and ports that the frames come from: the first and
// the last of each. The traffic is complete.
func (t *Traffic) Sources() (first, last netip.AddrPort) {
	bits := t.hostBits()
	flows := t.Flows + t.Fresh()
	address := t.From.Addr().AsSlice()
	word := address[len(address)-2:]
	binary.BigEndian.PutUint16(word, binary.BigEndian.Uint16(word)|uint16(min(flows, 1<<bits)-1))
	highest, _ := netip.AddrFromSlice(address) // of the length that it had
	return netip.AddrPortFrom(t.From.Addr(), firstPort), netip.AddrPortFrom(highest, uint16(firstPort+(flows-1)>>bits))
}

// Flags of TCP (RFC 9293, 3.1).
const (
	flagSYN = 0x02
	flagACK = 0x10
)

// template is a frame of the first flow without port, flags and checksums, and the
// sums over it. What a flow changes is added to the sums, so that the kernel's
// program and Go make the same frames with little work.
type template struct {
	layout
	frame   []byte
	bits    int    // of an address, that are the client's number
	network uint32 // last word of the clients' network
	ip      uint32 // sum over the IP header
	segment uint32 // sum over pseudo header, header and payload
}

// newTemplate builds the template. The traffic is complete.
func newTemplate(t *Traffic) *template {
	made := &template{layout: t.layout(), frame: make([]byte, t.Size), bits: t.hostBits()}
	f := made.frame
	copy(f[0:], t.Destination[:])
	copy(f[6:], t.Source[:])
	if made.ipChecksum == 0 {
		writeIPv6(f, t)
	} else {
		writeIPv4(f, t)
	}
	segment := f[made.port:]
	binary.BigEndian.PutUint16(segment[2:], t.To.Port())
	if made.tcp {
		segment[12] = 5 << 4 // words of header
		binary.BigEndian.PutUint16(segment[14:], 0xffff)
	} else {
		binary.BigEndian.PutUint16(segment[4:], uint16(len(segment)))
	}
	made.network = uint32(binary.BigEndian.Uint16(f[made.source:]))
	if made.ipChecksum != 0 {
		made.ip = sum(f[ethernet:made.port])
	}
	made.segment = sum(f[made.addresses:]) + uint32(t.number()) + uint32(len(segment))
	return made
}

// sum adds up 16-bit words (RFC 1071), without folding: a frame has too few of
// them to overflow.
func sum(b []byte) (total uint32) {
	for ; len(b) > 1; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		total += uint32(b[0]) << 8
	}
	return total
}

// fold ends a checksum.
func fold(total uint32) uint16 {
	total = total&0xffff + total>>16
	total = total&0xffff + total>>16
	return ^uint16(total)
}

// write makes frame, which has been a frame of the template, one of the flow. The
// TCP flags are those of a SYN if it opens the connection.
func (t *template) write(frame []byte, flow uint32, opens bool) {
	copy(frame, t.frame[:t.headers])
	client, port := flow&(1<<t.bits-1), firstPort+flow>>t.bits
	binary.BigEndian.PutUint16(frame[t.source:], uint16(t.network|client))
	binary.BigEndian.PutUint16(frame[t.port:], uint16(port))
	if t.ipChecksum != 0 {
		binary.BigEndian.PutUint16(frame[t.ipChecksum:], fold(t.ip+client))
	}
	segment := t.segment + client + port
	if t.tcp {
		flags := uint32(flagACK)
		if opens {
			flags = flagSYN
		}
		frame[t.flags] = byte(flags)
		segment += flags
	}
	sum := fold(segment)
	if sum == 0 && !t.tcp {
		sum = 0xffff // 0 means none (RFC 768)
	}
	binary.BigEndian.PutUint16(frame[t.checksum:], sum)
}
