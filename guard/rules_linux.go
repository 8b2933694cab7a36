package guard

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// register is the nftables register that all rules use.
const register = 1

// ICMPv6 types of neighbour discovery, router solicitation to redirect (RFC 4861, 4).
const firstND, lastND = 133, 137

// family is one of the two sets, and where its packets have the destination.
type family struct {
	setName       string
	keyType       nftables.SetDatatype
	etherType     uint16
	offset, bytes uint32 // of the destination in the IP header
	has           func(netip.Addr) bool
}

var families = []family{
	{"vips", nftables.TypeIPAddr, unix.ETH_P_IP, 16, 4, netip.Addr.Is4},
	{"vips6", nftables.TypeIP6Addr, unix.ETH_P_IPV6, 24, 16, netip.Addr.Is6},
}

func (f family) set(t *nftables.Table) *nftables.Set {
	return &nftables.Set{Table: t, Name: f.setName, KeyType: f.keyType}
}

func (f family) elements(vips []netip.Addr) []nftables.SetElement {
	var elements []nftables.SetElement
	for _, vip := range vips {
		if f.has(vip) {
			elements = append(elements, nftables.SetElement{Key: vip.AsSlice()})
		}
	}
	return elements
}

// rules are those of the chain, in order; the package comment shows them.
func rules() [][]expr.Any {
	all := [][]expr.Any{neighborDiscovery()}
	for _, f := range families {
		all = append(all, f.drop())
	}
	return all
}

func neighborDiscovery() []expr.Any {
	return append(etherType(unix.ETH_P_IPV6),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{unix.IPPROTO_ICMPV6}},
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Cmp{Op: expr.CmpOpGte, Register: register, Data: []byte{firstND}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: register, Data: []byte{lastND}},
		&expr.Verdict{Kind: expr.VerdictAccept},
	)
}

func (f family) drop() []expr.Any {
	return append(etherType(f.etherType),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: f.offset, Len: f.bytes},
		&expr.Lookup{SourceRegister: register, SetName: f.setName},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	)
}

func etherType(t uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: register},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: binary.BigEndian.AppendUint16(nil, t)},
	}
}
