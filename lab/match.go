package lab

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// copyMark marks frames that Duplicate has already doubled: the copy passes the
// same hook. Packet marks do not leave the namespace.
const copyMark = 0x6c616231

// Offsets of header fields.
const (
	etherDst, etherSrc = 0, 6
	ipv4Src, ipv4Dst   = 12, 16
	ipv6Src, ipv6Dst   = 8, 24
	portSrc, portDst   = 0, 2
)

// register is the one in which values are compared.
const register uint32 = 1

// exprs is the match in the packet filter's language.
func (m Match) exprs() []expr.Any {
	var out []expr.Any
	link, transport := expr.PayloadBaseLLHeader, expr.PayloadBaseTransportHeader
	if m.EtherType != 0 {
		out = append(out, meta(expr.MetaKeyPROTOCOL), equal(port(m.EtherType)))
	}
	if m.SrcMAC != nil {
		out = append(out, field(link, etherSrc, 6), equal(m.SrcMAC))
	}
	if m.DstMAC != nil {
		out = append(out, field(link, etherDst, 6), equal(m.DstMAC))
	}
	out = append(out, address(m.Src, ipv4Src, ipv6Src)...)
	out = append(out, address(m.Dst, ipv4Dst, ipv6Dst)...)
	if m.Protocol != 0 {
		out = append(out, meta(expr.MetaKeyL4PROTO), equal([]byte{m.Protocol}))
	}
	if m.SrcPort != 0 {
		out = append(out, field(transport, portSrc, 2), equal(port(m.SrcPort)))
	}
	if m.DstPort != 0 {
		out = append(out, field(transport, portDst, 2), equal(port(m.DstPort)))
	}
	return append(out, m.share()...)
}

// share takes only some of the frames that match.
func (m Match) share() []expr.Any {
	var out []expr.Any
	if m.Every > 1 {
		out = append(out,
			&expr.Numgen{Register: register, Modulus: uint32(m.Every), Type: unix.NFT_NG_INCREMENTAL},
			equal(binary.NativeEndian.AppendUint32(nil, 0)))
	}
	if m.Percent > 0 {
		// Numbers are compared from their first byte on, so in network order.
		out = append(out,
			&expr.Numgen{Register: register, Modulus: 100, Type: unix.NFT_NG_RANDOM},
			&expr.Byteorder{SourceRegister: register, DestRegister: register, Op: expr.ByteorderHton, Len: 4, Size: 4},
			&expr.Cmp{Op: expr.CmpOpLt, Register: register, Data: binary.BigEndian.AppendUint32(nil, uint32(m.Percent))})
	}
	return out
}

// address matches an address in the header of its own family.
func address(addr netip.Addr, in4, in6 uint32) []expr.Any {
	switch {
	case !addr.IsValid():
		return nil
	case addr.Is4():
		return []expr.Any{
			meta(expr.MetaKeyPROTOCOL), equal(port(unix.ETH_P_IP)),
			field(expr.PayloadBaseNetworkHeader, in4, 4), equal(addr.AsSlice()),
		}
	default:
		return []expr.Any{
			meta(expr.MetaKeyPROTOCOL), equal(port(unix.ETH_P_IPV6)),
			field(expr.PayloadBaseNetworkHeader, in6, 16), equal(addr.AsSlice()),
		}
	}
}

// passCopies ends the chain for frames that Duplicate made.
func passCopies() []expr.Any {
	return []expr.Any{
		meta(expr.MetaKeyMARK), equal(binary.NativeEndian.AppendUint32(nil, copyMark)),
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// duplicate sends a marked copy out of the interface and lets the frame go on.
func duplicate(i *Interface) []expr.Any {
	return []expr.Any{
		immediate(copyMark), &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: register},
		immediate(uint32(i.Index())), &expr.Dup{RegDev: register, IsRegDevSet: true},
		immediate(0), &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: register},
	}
}

func immediate(value uint32) expr.Any {
	return &expr.Immediate{Register: register, Data: binary.NativeEndian.AppendUint32(nil, value)}
}

func meta(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: register} }

func field(base expr.PayloadBase, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}
}

func equal(data []byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}

// port is a number of 16 bits in network byte order.
func port(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }
