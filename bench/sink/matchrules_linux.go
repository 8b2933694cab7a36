package sink

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables/expr"
)

// rulesForMatch is countMatch in rules: for each protocol one for each Ethernet
// address, and one for all others, which lets its frames pass.
func rulesForMatch(m *Match) (list []rule) {
	for _, number := range m.numbers() {
		base := m.packet(number)
		for i, mac := range m.MACs {
			list = append(list, rule{match: slices.Concat(toMAC(mac[:]), base), place: i, drop: true})
		}
		list = append(list, rule{match: slices.Clone(base), place: len(m.MACs)})
	}
	return list
}

// packet matches what is to the address and port.
func (m *Match) packet(number byte) []expr.Any {
	var ip []expr.Any
	if m.VIP.Is4() {
		ip = slices.Concat(
			etherType(0x0800),
			header(expr.PayloadBaseNetworkHeader, 9, []byte{number}),
			header(expr.PayloadBaseNetworkHeader, 16, m.VIP.AsSlice()),
			unfragmented(),
		)
	} else {
		ip = slices.Concat(
			etherType(0x86dd),
			header(expr.PayloadBaseNetworkHeader, 6, []byte{number}),
			header(expr.PayloadBaseNetworkHeader, 24, m.VIP.AsSlice()),
		)
	}
	return append(ip, header(expr.PayloadBaseTransportHeader, 2, binary.BigEndian.AppendUint16(nil, m.Port))...)
}

// etherType matches what the Ethernet header says. nftables reads the tag of a VLAN
// there, though the kernel or the card has taken it out of the frame; the packet's own
// protocol (meta protocol) is that behind the tag.
func etherType(value uint16) []expr.Any {
	return header(expr.PayloadBaseLLHeader, 12, binary.BigEndian.AppendUint16(nil, value))
}

// unfragmented matches an IPv4 packet that is whole.
func unfragmented() []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 6, Len: 2},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 2,
			Mask: binary.BigEndian.AppendUint16(nil, fragmentBits), Xor: []byte{0, 0},
		},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0, 0}},
	}
}
