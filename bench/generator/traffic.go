package generator

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Protocol is what the frames carry over IPv4.
type Protocol string

// The protocols.
const (
	UDP Protocol = "udp"
	TCP Protocol = "tcp"
)

// Limits of Traffic.
const (
	MaxFlows = 10_000_000
	MinSize  = 60   // of an Ethernet frame, without its checksum
	MaxSize  = 1514 // the same, for an MTU of 1500
)

// freshFlows is how many flows are used in turn for frames that open a
// connection, beside those that are open.
const freshFlows = 1 << 19

// clients is the first address of the flows: the network that RFC 2544 set aside
// for benchmarks has 17 bits, of which 16 are used.
var clients = netip.MustParsePrefix("198.18.0.0/15")

// Clients is the network that all frames come from.
func Clients() netip.Prefix { return clients }

// firstPort is the source port of the first 65,536 flows; the next have the next.
const firstPort = 1024

// Traffic says what the frames are. It is read once.
type Traffic struct {
	Source, Destination [6]byte        // Ethernet addresses
	To                  netip.AddrPort // IPv4
	Protocol            Protocol       // default: UDP
	// Flows is from how many address and port pairs the frames come, 1 to
	// MaxFlows; default: 1. Each of them comes once before one comes again.
	Flows int
	// Size is the length of a frame in bytes, MinSize to MaxSize; default: MinSize.
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
	return freshFlows
}

func (t *Traffic) complete() error {
	if t.Protocol == "" {
		t.Protocol = UDP
	}
	if t.Flows == 0 {
		t.Flows = 1
	}
	if t.Size == 0 {
		t.Size = MinSize
	}
	switch {
	case t.Protocol != UDP && t.Protocol != TCP:
		return fmt.Errorf("protocol %q: want %s or %s", t.Protocol, UDP, TCP)
	case t.Flows < 1 || t.Flows > MaxFlows:
		return fmt.Errorf("%d flows: want 1 to %d", t.Flows, MaxFlows)
	case t.Size < MinSize || t.Size > MaxSize:
		return fmt.Errorf("frames of %d bytes: want %d to %d", t.Size, MinSize, MaxSize)
	case !(t.New >= 0 && t.New <= 1):
		return fmt.Errorf("share of new flows %v: want 0 to 1", t.New)
	case !t.To.Addr().Is4() || t.To.Port() == 0:
		return fmt.Errorf("destination %v: want an IPv4 address and a port", t.To)
	}
	return nil
}

// Offsets in a frame without VLAN tag and IP options.
const (
	offIPChecksum  = 24
	offSource      = 26
	offSourcePort  = 34
	offUDPChecksum = 40
	offTCPFlags    = 47
	offTCPChecksum = 50

	udpHeaders = 42 // Ethernet, IPv4 and UDP
	tcpHeaders = 54
)

// Flags of TCP (RFC 9293, 3.1).
const (
	flagSYN = 0x02
	flagACK = 0x10
)

// template is a frame of the flow 0.0.0.0:0 without flags and checksums, and the
// sums over it. What a flow changes is added to the sums, so that the kernel's
// program and Go make the same frames with little work.
type template struct {
	frame    []byte
	headers  int    // length of the part that is not zero
	ip       uint32 // sum over the IP header
	segment  uint32 // sum over pseudo header, header and payload
	checksum int    // where the segment's goes
	tcp      bool
}

// newTemplate builds the template. The traffic is complete.
func newTemplate(t *Traffic) *template {
	f := make([]byte, t.Size)
	length := t.Size - 14
	copy(f[0:], t.Destination[:])
	copy(f[6:], t.Source[:])
	binary.BigEndian.PutUint16(f[12:], 0x0800)
	f[14] = 0x45
	binary.BigEndian.PutUint16(f[16:], uint16(length))
	binary.BigEndian.PutUint16(f[20:], 0x4000) // do not fragment
	f[22] = 64
	to := t.To.Addr().As4()
	copy(f[30:], to[:])
	binary.BigEndian.PutUint16(f[36:], t.To.Port())
	made := &template{frame: f, headers: udpHeaders, checksum: offUDPChecksum}
	f[23] = 17
	if t.Protocol == TCP {
		f[23] = 6
		f[46] = 5 << 4 // words of header
		binary.BigEndian.PutUint16(f[48:], 0xffff)
		made.headers, made.checksum, made.tcp = tcpHeaders, offTCPChecksum, true
	} else {
		binary.BigEndian.PutUint16(f[38:], uint16(length-20))
	}
	network := clients.Addr().As4()
	copy(f[offSource:], network[:])
	made.ip = sum(f[14:34])
	made.segment = sum(f[26:]) + uint32(f[23]) + uint32(length-20)
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
	low, port := flow&0xffff, firstPort+flow>>16
	binary.BigEndian.PutUint16(frame[offSource+2:], uint16(low))
	binary.BigEndian.PutUint16(frame[offSourcePort:], uint16(port))
	binary.BigEndian.PutUint16(frame[offIPChecksum:], fold(t.ip+low))
	segment := t.segment + low + port
	if t.tcp {
		flags := uint32(flagACK)
		if opens {
			flags = flagSYN
		}
		frame[offTCPFlags] = byte(flags)
		segment += flags
	}
	sum := fold(segment)
	if sum == 0 && !t.tcp {
		sum = 0xffff // 0 means none (RFC 768)
	}
	binary.BigEndian.PutUint16(frame[t.checksum:], sum)
}
