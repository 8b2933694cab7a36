package afpacket

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
)

// maxMACs keeps the filter far below the kernel's 4096 instructions; no host
// has that many addresses of its own.
const maxMACs = 64

// Offsets and values in an Ethernet header (IEEE 802.3, 802.1Q, 802.1ad).
const (
	offEtherType  = 12
	offInnerType  = 16 // behind one tag
	offInner2Type = 20 // behind two

	typeIPv4 = 0x0800
	typeIPv6 = 0x86dd
	typeVLAN = 0x8100
	typeQinQ = 0x88a8
)

// packetOutgoing is PACKET_OUTGOING of linux/if_packet.h, a value of skb's
// pkt_type.
const packetOutgoing = 4

// acceptAll is the length that a filter returns to keep the whole frame.
const acceptAll = 1<<32 - 1

// rejectFilter keeps no frame. It guards a socket between bind and its own filter.
func rejectFilter() []bpf.Instruction {
	return []bpf.Instruction{bpf.RetConstant{Val: 0}}
}

// receiveFilter keeps IPv4 and IPv6 frames that this host did not send and
// that are addressed to one of macs.
func receiveFilter(macs [][6]byte) []bpf.Instruction {
	prog := []bpf.Instruction{
		// PACKET_IGNORE_OUTGOING does the same, before the ring is looked at;
		// this holds on kernels whose fanout groups ignore that option.
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: packetOutgoing, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
	}
	return append(prog, frameFilter(macs)...)
}

// frameFilter is the part of receiveFilter that looks at bytes only. The
// kernel takes out the outermost tag before a filter runs, so an inner tag of
// QinQ is the one usually seen; two are looked behind all the same.
func frameFilter(macs [][6]byte) []bpf.Instruction {
	// 6 instructions for each of the two places that may hold a tag, 4 for
	// the last; the comparison of addresses starts behind them.
	const addresses = 6 + 6 + 4
	var prog []bpf.Instruction
	toAddresses := func() uint8 { return uint8(addresses - len(prog) - 1) }
	for _, off := range []uint32{offEtherType, offInnerType, offInner2Type} {
		prog = append(prog, bpf.LoadAbsolute{Off: off, Size: 2})
		prog = append(prog, bpf.JumpIf{Val: typeIPv4, SkipTrue: toAddresses()})
		prog = append(prog, bpf.JumpIf{Val: typeIPv6, SkipTrue: toAddresses()})
		if off != offInner2Type {
			prog = append(prog,
				bpf.JumpIf{Val: typeVLAN, SkipTrue: 2},
				bpf.JumpIf{Val: typeQinQ, SkipTrue: 1})
		}
		prog = append(prog, bpf.RetConstant{Val: 0})
	}
	for _, mac := range macs {
		prog = append(prog, destination(mac)...)
	}
	return append(prog, bpf.RetConstant{Val: 0})
}

// destination keeps the frame if it is addressed to mac, and goes on otherwise.
// The last four bytes differ most often, so they are compared first.
func destination(mac [6]byte) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 2, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(mac[2:]), SkipTrue: 3},
		bpf.LoadAbsolute{Off: 0, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(binary.BigEndian.Uint16(mac[:])), SkipTrue: 1},
		bpf.RetConstant{Val: acceptAll},
	}
}
