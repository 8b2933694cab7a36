package ruleset

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// The matches and targets of iptables and arptables, of the kind that makes
// nftables rules (linux/netfilter/xt_*.h).

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

// passingTargets let the packet go on to the next rule.
var passingTargets = []string{
	"AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT", "DSCP", "HL", "HMARK", "IDLETIMER", "LED", "LOG", "NFLOG",
	"NOTRACK", "RATEEST", "SECMARK", "SET", "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS", "TRACE", "TTL", "ULOG",
}

// target judges a target.
func (t *trialOfRule) target(e *expr.Target) {
	switch info := e.Info.(type) {
	case *xt.NatIPv4MultiRangeCompat:
		if e.Name == "REDIRECT" && len(*info) == 1 {
			r := (*info)[0]
			t.redirectTo(uint(r.Flags), r.MinPort, r.MaxPort)
			return
		}
	case *xt.NatRange:
		if e.Name == "REDIRECT" {
			t.redirectTo(info.Flags, info.MinPort, info.MaxPort)
			return
		}
	case *xt.Unknown:
		if e.Name == "mangle" && t.mangleARP([]byte(*info)) {
			t.ends(effectAccept)
			return
		}
	}
	switch {
	case e.Name == "MARK":
		t.mark = unknownValue(4)
	case e.Name == "CT" || e.Name == "NOTRACK":
		// Whether it takes the packet out of connection tracking is in
		// what is not read: with either, replies go the same way.
	case slices.Contains(passingTargets, e.Name):
	case e.Name == "REJECT":
		t.ends(effectDrop)
	case e.Name == "MASQUERADE" || e.Name == "SNAT":
		t.ends(effectAccept)
	default:
		t.ends(effectTaken)
	}
}

func (t *trialOfRule) redirectTo(flags uint, first, last uint16) {
	var port *value
	if flags&natPorts != 0 {
		v := knownValue(binary.BigEndian.AppendUint16(nil, first))
		if first != last {
			v = unknownValue(2)
		}
		port = &v
	}
	t.redirect(t.met, port)
	t.ends(effectAccept)
}

// mangleARP writes the sender's address, and nothing else.
func (t *trialOfRule) mangleARP(info []byte) bool {
	if len(info) < arptMangleLen || info[arptMangleFlags] != arptMangleSetSender {
		return false
	}
	t.network.put(arpFrom, t.sure(knownValue(info[arptMangleSender:arptMangleSender+4])))
	return true
}

// match judges a match.
func (t *trialOfRule) match(e *expr.Match) answer {
	switch info := e.Info.(type) {
	case *xt.Comment:
		return yes
	case *xt.Tcp:
		a := t.ports(unix.IPPROTO_TCP, info.SrcPorts, info.DstPorts,
			info.InvFlags&xt.TcpInvSrcPorts != 0, info.InvFlags&xt.TcpInvDestPorts != 0)
		return a.and(t.flags(info))
	case *xt.Udp:
		return t.ports(unix.IPPROTO_UDP, info.SrcPorts, info.DstPorts,
			info.InvFlags&xt.UdpInvSrcPorts != 0, info.InvFlags&xt.UdpInvDestPorts != 0)
	case *xt.ConntrackMtinfo1:
		return t.stateIn(info.MatchFlags, info.InvertFlags, uint16(info.StateMask))
	case *xt.ConntrackMtinfo2:
		return t.stateIn(info.MatchFlags, info.InvertFlags, info.StateMask)
	case *xt.ConntrackMtinfo3:
		return t.stateIn(info.MatchFlags, info.InvertFlags, info.StateMask)
	case *xt.AddrTypeV1:
		return t.addressType(info)
	case *xt.Unknown:
		if e.Name == "multiport" {
			return t.multiport([]byte(*info))
		}
	}
	return perhaps
}

// addressTypeNot is set in the flags of the match addrtype that mean the
// destination alone (XT_ADDRTYPE_INVERT_DEST).
const addressTypeNot = 2

// addressType compares what the destination is to the host.
func (t *trialOfRule) addressType(info *xt.AddrTypeV1) answer {
	kind := t.fib(&expr.Fib{ResultADDRTYPE: true, FlagDADDR: true}).cut(0, 4)
	if info.Source != 0 || info.Flags&^addressTypeNot != 0 || !kind.allKnown() {
		return perhaps
	}
	is := info.Dest&(1<<binary.NativeEndian.Uint32(kind.data)) != 0
	return answerOf(is != (info.Flags&addressTypeNot != 0))
}

// ports compares both ports with a range each.
func (t *trialOfRule) ports(protocol byte, source, destination [2]uint16, notSource, notDestination bool) answer {
	return t.protocol.equals([]byte{protocol}).
		and(t.port(sourcePort, source, notSource)).
		and(t.port(destinationPort, destination, notDestination))
}

func (t *trialOfRule) port(offset int, r [2]uint16, invert bool) answer {
	first, last := binary.BigEndian.AppendUint16(nil, r[0]), binary.BigEndian.AppendUint16(nil, r[1])
	a := t.transport.cut(offset, 2).within(first, last, nil)
	if r == [2]uint16{0, 65535} {
		a = yes
	}
	if invert {
		return a.not()
	}
	return a
}

// flags compares those of TCP; options are not known.
func (t *trialOfRule) flags(info *xt.Tcp) answer {
	if info.Option != 0 {
		return perhaps
	}
	a := t.transport.cut(tcpFlags, 1).masked([]byte{info.FlagsMask}, []byte{0}).equals([]byte{info.FlagsCmp})
	if info.InvFlags&xt.TcpInvFlags != 0 {
		return a.not()
	}
	return a
}

// stateIn compares the connection's state, whose bits are those of nftables.
func (t *trialOfRule) stateIn(flags, inverted, mask uint16) answer {
	const state = uint16(xt.ConntrackState | xt.ConntrackStateAlias)
	if flags&^state != 0 {
		return perhaps
	}
	a := answerOf(uint32(mask)&t.state != 0)
	if inverted&uint16(xt.ConntrackState) != 0 {
		return a.not()
	}
	return a
}

// The layout of struct xt_multiport_v1.
const (
	multiportMax    = 15
	multiportPorts  = 2
	multiportRanges = multiportPorts + 2*multiportMax // 1: the port after it ends a range
	multiportInvert = multiportRanges + multiportMax
	multiportLen    = multiportInvert + 1
	multiportSource = 0
	multiportDest   = 1
)

func (t *trialOfRule) multiport(info []byte) answer {
	if len(info) < multiportLen || info[1] > multiportMax {
		return perhaps
	}
	offset := destinationPort
	switch info[0] {
	case multiportSource:
		offset = sourcePort
	case multiportDest:
	default:
		return perhaps
	}
	port := func(i int) uint16 { return binary.NativeEndian.Uint16(info[multiportPorts+2*i:]) }
	a := no
	for i := 0; i < int(info[1]); i++ {
		r := [2]uint16{port(i), port(i)}
		if info[multiportRanges+i] != 0 && i+1 < multiportMax {
			i++
			r[1] = port(i)
		}
		a = a.or(t.port(offset, r, false))
	}
	if info[multiportInvert] != 0 {
		return a.not()
	}
	return a
}
