package arp

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// filter accepts ARP for IPv4 over Ethernet that is meant for this host.
//
// The kernel calls a frame PACKET_OTHERHOST when its destination is another
// MAC address, as in promiscuous mode, and also when it came with the tag of a
// VLAN that this interface is not in: by then the tag is gone, so this is the
// only trace of it. Frames to the virtual MAC address look the same way, since
// the interface does not know it; they alone are let through.
func filter(mac frame.MAC) ([]bpf.RawInstruction, error) {
	const (
		accept = maxFrame
		drop   = 0
	)
	mac32, mac16 := binary.BigEndian.Uint32(mac[:4]), uint32(binary.BigEndian.Uint16(mac[4:]))
	prog, err := bpf.Assemble([]bpf.Instruction{
		0: bpf.LoadAbsolute{Off: 12, Size: 2},
		1: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_ARP, SkipTrue: 11},
		2: bpf.LoadAbsolute{Off: 14, Size: 4}, // hardware and protocol type
		3: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: hardwareEthernet<<16 | unix.ETH_P_IP, SkipTrue: 9},
		4: bpf.LoadAbsolute{Off: 18, Size: 2}, // and their address lengths
		5: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 6<<8 | 4, SkipTrue: 7},

		6:  bpf.LoadExtension{Num: bpf.ExtType},
		7:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OTHERHOST, SkipTrue: 4},
		8:  bpf.LoadAbsolute{Off: 0, Size: 4},
		9:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: mac32, SkipTrue: 3},
		10: bpf.LoadAbsolute{Off: 4, Size: 2},
		11: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: mac16, SkipTrue: 1},
		12: bpf.RetConstant{Val: accept},
		13: bpf.RetConstant{Val: drop},
	})
	if err != nil {
		return nil, fmt.Errorf("assemble ARP filter: %w", err)
	}
	return prog, nil
}
