package sink

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// fragmentBits are more fragments, and the offset, of an IPv4 header (RFC 791).
const fragmentBits = 0x3fff

// countMatch counts and drops what matches, and lets all else pass as it came. R6 is
// the frame, R7 its end, R8 its segment.
func countMatch(m *Match) writer {
	return func(h *hook, array int) asm.Instructions {
		p := asm.Instructions{
			asm.Mov.Imm(asm.R9, h.pass),
			asm.LoadMem(asm.R6, asm.R1, h.data, asm.Word),
			asm.LoadMem(asm.R7, asm.R1, h.end, asm.Word),
		}
		if m.VIP.Is4() {
			p = append(p, matchIPv4(m)...)
		} else {
			p = append(p, matchIPv6(m)...)
		}
		p = append(p, matchPort(m)...)
		p = append(p, chooseMAC(h, m)...)
		p = append(p, count(array)...)
		return append(p, asm.Mov.Imm(asm.R0, h.pass).WithSymbol("pass"), asm.Return())
	}
}

// needs goes to pass unless n bytes are in the frame from R8 on, of which the
// verifier then knows.
func needs(n int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R2, asm.R8),
		asm.Add.Imm(asm.R2, n),
		asm.JGT.Reg(asm.R2, asm.R7, "pass"),
	}
}

// halfIs goes to pass unless 2 bytes at an offset of a register are the value.
func halfIs(from asm.Register, offset int16, value uint16) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R2, from, offset, asm.Half),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.JNE.Imm(asm.R2, int32(value), "pass"),
	}
}

// wordsAre goes to pass unless the bytes at an offset of the frame are these.
func wordsAre(offset int16, value []byte) (p asm.Instructions) {
	for at := 0; at < len(value); at += 4 {
		p = append(p,
			asm.LoadMem(asm.R2, asm.R6, offset+int16(at), asm.Word),
			asm.LoadImm(asm.R3, int64(binary.NativeEndian.Uint32(value[at:])), asm.DWord),
			asm.JNE.Reg(asm.R2, asm.R3, "pass"))
	}
	return p
}

// protocolIs goes to pass unless the byte at an offset of the frame is one of the
// numbers.
func protocolIs(offset int16, numbers []byte) asm.Instructions {
	p := asm.Instructions{asm.LoadMem(asm.R2, asm.R6, offset, asm.Byte)}
	for _, n := range numbers {
		p = append(p, asm.JEq.Imm(asm.R2, int32(n), "protocol"))
	}
	return append(p, asm.Ja.Label("pass"), asm.Mov.Reg(asm.R2, asm.R2).WithSymbol("protocol"))
}

// matchIPv4 checks the header (RFC 791), and sets R8 behind it.
func matchIPv4(m *Match) asm.Instructions {
	p := asm.Instructions{asm.Mov.Reg(asm.R8, asm.R6)}
	p = append(p, needs(ethernetHeader+20)...)
	p = append(p, halfIs(asm.R6, 12, 0x0800)...)
	p = append(p,
		asm.LoadMem(asm.R2, asm.R6, ethernetHeader+6, asm.Half),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.And.Imm(asm.R2, fragmentBits),
		asm.JNE.Imm(asm.R2, 0, "pass"))
	p = append(p, protocolIs(ethernetHeader+9, m.numbers())...)
	p = append(p, wordsAre(ethernetHeader+16, m.VIP.AsSlice())...)
	return append(p,
		asm.LoadMem(asm.R2, asm.R6, ethernetHeader, asm.Byte),
		asm.Mov.Reg(asm.R3, asm.R2),
		asm.RSh.Imm(asm.R3, 4),
		asm.JNE.Imm(asm.R3, 4, "pass"),
		asm.And.Imm(asm.R2, 0xf),
		asm.LSh.Imm(asm.R2, 2),
		asm.JLT.Imm(asm.R2, 20, "pass"),
		asm.Add.Imm(asm.R8, ethernetHeader),
		asm.Add.Reg(asm.R8, asm.R2))
}

// matchIPv6 checks the header (RFC 8200), and sets R8 behind it.
func matchIPv6(m *Match) asm.Instructions {
	p := asm.Instructions{asm.Mov.Reg(asm.R8, asm.R6)}
	p = append(p, needs(ethernetHeader+40)...)
	p = append(p, halfIs(asm.R6, 12, 0x86dd)...)
	p = append(p, protocolIs(ethernetHeader+6, m.numbers())...)
	p = append(p, wordsAre(ethernetHeader+24, m.VIP.AsSlice())...)
	return append(p, asm.Add.Imm(asm.R8, ethernetHeader+40))
}

// matchPort checks the segment's destination.
func matchPort(m *Match) asm.Instructions {
	return append(needs(4), halfIs(asm.R8, 2, m.Port)...)
}

// chooseMAC finds the place of the frame's Ethernet address for R1, and makes R9
// what becomes of it.
func chooseMAC(h *hook, m *Match) (p asm.Instructions) {
	p = append(p,
		asm.LoadMem(asm.R2, asm.R6, 0, asm.Word),
		asm.LoadMem(asm.R3, asm.R6, 4, asm.Half))
	for i, mac := range m.MACs {
		next := fmt.Sprintf("mac%d", i+1)
		p = append(p,
			asm.LoadImm(asm.R4, int64(binary.NativeEndian.Uint32(mac[:])), asm.DWord).WithSymbol(fmt.Sprintf("mac%d", i)),
			asm.JNE.Reg(asm.R2, asm.R4, next),
			asm.JNE.Imm(asm.R3, int32(binary.NativeEndian.Uint16(mac[4:])), next),
			asm.Mov.Imm(asm.R1, int32(i)),
			asm.Mov.Imm(asm.R9, h.drop),
			asm.Ja.Label("count"))
	}
	return append(p, asm.Mov.Imm(asm.R1, int32(len(m.MACs))).WithSymbol(fmt.Sprintf("mac%d", len(m.MACs))))
}
