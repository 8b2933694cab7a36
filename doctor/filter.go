package doctor

import (
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// filter accepts what can be an answer: ARP, and of the IPv4 packets to this
// host ICMP, and TCP and UDP to the ports that probes have. Frames that others
// get and that this host sends (PACKET_OTHERHOST, PACKET_OUTGOING) are none; nor
// are those with the tag of a VLAN, which are another segment's.
func filter() ([]bpf.RawInstruction, error) {
	const (
		accept = 1 << 18
		ipv4   = frame.EthernetLen
	)
	prog, err := bpf.Assemble([]bpf.Instruction{
		0:  bpf.LoadExtension{Num: bpf.ExtType},
		1:  bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: unix.PACKET_MULTICAST, SkipTrue: 15},
		2:  bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		3:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 13},
		4:  bpf.LoadAbsolute{Off: 12, Size: 2},
		5:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipTrue: 10},
		6:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 10},
		7:  bpf.LoadAbsolute{Off: ipv4 + 6, Size: 2}, // fragment offset
		8:  bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 8},
		9:  bpf.LoadAbsolute{Off: ipv4 + 9, Size: 1}, // protocol
		10: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMP, SkipTrue: 5},
		11: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 1},
		12: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 4},
		13: bpf.LoadMemShift{Off: ipv4}, // X = header length
		14: bpf.LoadIndirect{Off: ipv4 + 2, Size: 2},
		15: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: firstID, SkipTrue: 1},
		16: bpf.RetConstant{Val: accept},
		17: bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return nil, fmt.Errorf("assemble filter: %w", err)
	}
	return prog, nil
}
