package realserver

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// effect is what rules do with a packet.
type effect int

const (
	effectNone     effect = iota // the rule does not match, or only counts
	effectAccept                 // the chain ends
	effectDrop                   // the packet ends
	effectRedirect               // to the host itself, same port
	effectUnknown                // the packet matches, and what becomes of it is not known
)

// probe is a packet that rules are tried on. Rules may write into it.
type probe struct {
	network   []byte // the network header
	transport []byte
	family    byte   // as meta nfproto has it
	protocol  byte   // as meta l4proto has it
	out       string // the interface that it leaves by
}

// arptMangle describes the info of the target "mangle" of arptables
// (struct arpt_mangle in linux/netfilter_arp/arpt_mangle.h).
const (
	arptMangleSender    = 32 // the new sender address
	arptMangleFlags     = 40
	arptMangleSetSender = 0x04
	arptMangleLen       = 48
)

// natPorts is set in the flags of a NAT range that names ports
// (NF_NAT_RANGE_PROTO_SPECIFIED).
const natPorts = 2

// destined returns a packet to the VIP.
func destined(vip netip.Addr, protocol byte, port uint16) *probe {
	where, family := fields[FieldDestination], byte(unix.NFPROTO_IPV4)
	if vip.Is6() {
		where, family = fields[FieldDestination6], unix.NFPROTO_IPV6
	}
	p := &probe{
		network: make([]byte, where.offset+where.bytes), transport: make([]byte, 20),
		family: family, protocol: protocol,
	}
	copy(p.network[where.offset:], vip.AsSlice())
	binary.BigEndian.PutUint16(p.transport[destinationPort:], port)
	return p
}

// asking returns an ARP request (RFC 826) on Ethernet.
func asking(sender, target netip.Addr, out string) *probe {
	p := &probe{network: []byte{0, 1, 8, 0, 6, 4, 0, 1, 27: 0}, family: unix.NFPROTO_ARP, out: out}
	copy(p.network[fields[FieldARPSender].offset:], sender.AsSlice())
	copy(p.network[fields[FieldARPTarget].offset:], target.AsSlice())
	return p
}

// probes returns packets that are all served when a service is: one at each end
// of its ports, for each protocol that it may mean.
func (s Service) probes(vip netip.Addr) []*probe {
	protocols := []byte{protocolNumbers["tcp"], protocolNumbers["udp"], protocolNumbers["sctp"]}
	if s.Protocol != "" {
		protocols = []byte{protocolNumbers[s.Protocol]}
	}
	first, last := s.First, s.Last
	if first == 0 {
		first, last = 1, 65535
	}
	var all []*probe
	for _, protocol := range protocols {
		all = append(all, destined(vip, protocol, first), destined(vip, protocol, last))
	}
	return all
}

// meets says whether the chains do to the rule's packets what the rule does.
func (r Rule) meets(chains []ruleChain) bool {
	switch r.Action {
	case ActionRedirect:
		for _, p := range r.Service.probes(r.VIP) {
			if p.through(chains) != effectRedirect {
				return false
			}
		}
		return true
	case ActionDrop:
		return asking(netip.IPv4Unspecified(), r.VIP, "").through(chains) == effectDrop
	case ActionSetSender:
		p := asking(r.VIP, netip.IPv4Unspecified(), r.Out)
		where := fields[FieldARPSender]
		return p.through(chains) == effectNone && !bytes.Equal(p.network[where.offset:where.offset+where.bytes], r.VIP.AsSlice())
	}
	return false
}

// ruleChain is a base chain as the kernel has it.
type ruleChain struct {
	drops bool // its policy
	rules []*nftables.Rule
}

// through sends the packet through chains of one hook. None at the end means that
// it goes on.
func (p *probe) through(chains []ruleChain) effect {
	for _, c := range chains {
		switch e := p.in(c); e {
		case effectNone, effectAccept:
		default:
			return e
		}
	}
	return effectNone
}

func (p *probe) in(c ruleChain) effect {
	for _, r := range c.rules {
		if e := p.meet(r.Exprs); e != effectNone {
			return e
		}
	}
	if c.drops {
		return effectDrop
	}
	return effectNone
}

// meet runs one rule. What this does not know to judge is taken not to match.
func (p *probe) meet(exprs []expr.Any) effect {
	registers := map[uint32][]byte{}
	for _, e := range exprs {
		switch e := e.(type) {
		case *expr.Counter:
		case *expr.Meta:
			value, ok := p.meta(e.Key)
			if !ok {
				return effectNone
			}
			registers[e.Register] = value
		case *expr.Payload:
			if !p.payload(e, registers) {
				return effectNone
			}
		case *expr.Immediate:
			registers[e.Register] = e.Data
		case *expr.Bitwise:
			registers[e.DestRegister] = bitwise(registers[e.SourceRegister], e)
		case *expr.Cmp:
			if !holds(e, registers[e.Register]) {
				return effectNone
			}
		case *expr.Redir:
			return redirects(e.RegisterProtoMin == 0)
		case *expr.Target:
			return p.target(e)
		case *expr.Verdict:
			return verdict(e.Kind)
		default:
			return effectNone
		}
	}
	return effectNone
}

func (p *probe) meta(key expr.MetaKey) (value []byte, ok bool) {
	switch key {
	case expr.MetaKeyL4PROTO:
		return []byte{p.protocol}, true
	case expr.MetaKeyNFPROTO:
		return []byte{p.family}, true
	case expr.MetaKeyOIFNAME:
		return append([]byte(p.out), make([]byte, unix.IFNAMSIZ-len(p.out))...), true
	}
	return nil, false
}

// payload loads or writes; it reports whether the packet reaches so far.
func (p *probe) payload(e *expr.Payload, registers map[uint32][]byte) bool {
	data := p.network
	switch e.Base {
	case expr.PayloadBaseNetworkHeader:
	case expr.PayloadBaseTransportHeader:
		data = p.transport
	default:
		return false
	}
	if int(e.Offset+e.Len) > len(data) {
		return false
	}
	field := data[e.Offset : e.Offset+e.Len]
	if e.OperationType == expr.PayloadWrite {
		copy(field, registers[e.SourceRegister])
		return true
	}
	registers[e.DestRegister] = bytes.Clone(field)
	return true
}

func bitwise(value []byte, e *expr.Bitwise) []byte {
	result := bytes.Clone(value)
	for i := range result {
		if i < len(e.Mask) && i < len(e.Xor) {
			result[i] = result[i]&e.Mask[i] ^ e.Xor[i]
		}
	}
	return result
}

// holds compares as the kernel does: as many bytes as the rule has.
func holds(e *expr.Cmp, value []byte) bool {
	if len(value) < len(e.Data) {
		return false
	}
	c := bytes.Compare(value[:len(e.Data)], e.Data)
	switch e.Op {
	case expr.CmpOpEq:
		return c == 0
	case expr.CmpOpNeq:
		return c != 0
	case expr.CmpOpLt:
		return c < 0
	case expr.CmpOpLte:
		return c <= 0
	case expr.CmpOpGt:
		return c > 0
	case expr.CmpOpGte:
		return c >= 0
	}
	return false
}

// target judges the targets of iptables and arptables that matter here.
func (p *probe) target(e *expr.Target) effect {
	switch info := e.Info.(type) {
	case *xt.NatIPv4MultiRangeCompat:
		return redirects(e.Name == "REDIRECT" && len(*info) == 1 && (*info)[0].Flags&natPorts == 0)
	case *xt.NatRange:
		return redirects(e.Name == "REDIRECT" && info.Flags&natPorts == 0)
	case *xt.Unknown:
		b := []byte(*info)
		if e.Name == "mangle" && len(b) >= arptMangleLen && b[arptMangleFlags] == arptMangleSetSender {
			copy(p.network[fields[FieldARPSender].offset:], b[arptMangleSender:arptMangleSender+4])
			return effectAccept
		}
	}
	return effectUnknown
}

func redirects(samePort bool) effect {
	if samePort {
		return effectRedirect
	}
	return effectUnknown
}

func verdict(kind expr.VerdictKind) effect {
	switch kind {
	case expr.VerdictDrop:
		return effectDrop
	case expr.VerdictAccept:
		return effectAccept
	case expr.VerdictContinue:
		return effectNone
	}
	return effectUnknown
}
