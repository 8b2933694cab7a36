package doctor

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// filter accepts what can be an answer: ARP, and of the IP packets to this host ICMP
// and ICMPv6 (neighbour discovery too), TCP and UDP to the ports that probes have, and
// fragments of IPv6. Frames that others get and that this host sends
// (PACKET_OTHERHOST, PACKET_OUTGOING) are none, but for ARP to the alias; nor are
// those with the tag of a VLAN, which are another segment's.
func filter(alias frame.MAC) ([]bpf.RawInstruction, error) {
	const (
		accept = 1 << 18
		ip     = frame.EthernetLen
	)
	alias32, alias16 := binary.BigEndian.Uint32(alias[:4]), uint32(binary.BigEndian.Uint16(alias[4:]))
	prog, err := bpf.Assemble([]bpf.Instruction{
		0: bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		1: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 30},
		2: bpf.LoadExtension{Num: bpf.ExtType},
		3: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OTHERHOST, SkipTrue: 21},
		4: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: unix.PACKET_MULTICAST, SkipTrue: 27},
		5: bpf.LoadAbsolute{Off: 12, Size: 2},
		6: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipTrue: 24},
		7: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: 10},
		8: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 23},

		9:  bpf.LoadAbsolute{Off: ip + 6, Size: 2}, // fragment offset
		10: bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 21},
		11: bpf.LoadAbsolute{Off: ip + 9, Size: 1}, // protocol
		12: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMP, SkipTrue: 18},
		13: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 1},
		14: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 17},
		15: bpf.LoadMemShift{Off: ip}, // X = header length
		16: bpf.LoadIndirect{Off: ip + 2, Size: 2},
		17: bpf.Jump{Skip: 6},

		18: bpf.LoadAbsolute{Off: ip + 6, Size: 1}, // next header
		19: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 11},
		20: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_FRAGMENT, SkipTrue: 10},
		21: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 1},
		22: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 9},
		23: bpf.LoadAbsolute{Off: ip + frame.IPv6Len + 2, Size: 2},
		24: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: firstID, SkipTrue: 7, SkipFalse: 6},

		25: bpf.LoadAbsolute{Off: 12, Size: 2},
		26: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_ARP, SkipTrue: 5},
		27: bpf.LoadAbsolute{Off: 0, Size: 4},
		28: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: alias32, SkipTrue: 3},
		29: bpf.LoadAbsolute{Off: 4, Size: 2},
		30: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: alias16, SkipTrue: 1},
		31: bpf.RetConstant{Val: accept},
		32: bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return nil, fmt.Errorf("assemble filter: %w", err)
	}
	return prog, nil
}
