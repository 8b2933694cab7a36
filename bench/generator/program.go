package generator

import (
	"encoding/binary"
	"math"

	"github.com/cilium/ebpf/asm"
)

// What an XDP program returns (linux/bpf.h).
const xdpDrop = 1

// program makes one frame of the walk and sends it out of an interface, or drops
// it while none is due. It writes all headers anew: the kernel recycles the
// pages, with whatever the frame's receivers left in them.
//
// R6 is the context, R7 the walk, R8 the frame, R9 the flags of TCP.
func program(t *template, walk, ifindex int) asm.Instructions {
	var p asm.Instructions
	p = append(p, asm.Mov.Reg(asm.R6, asm.R1), asm.LoadMapValue(asm.R7, walk, 0))
	p = append(p, pace()...)
	p = append(p, chooseFlow()...)
	p = append(p, frameInMemory(t)...)
	p = append(p, writeHeaders(t)...)
	p = append(p, writeFlow(t)...)
	p = append(p, writeChecksums(t)...)
	return append(p,
		asm.Mov.Imm(asm.R1, int32(ifindex)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R1, 1).WithSymbol("end"),
		put(offDone, asm.R1),
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"),
		asm.Return(),
	)
}

func get(dst asm.Register, field int16) asm.Instruction {
	return asm.LoadMem(dst, asm.R7, field, asm.DWord)
}

func put(field int16, src asm.Register) asm.Instruction {
	return asm.StoreMem(asm.R7, field, src, asm.DWord)
}

// pace is walk.due. As fast as possible, the clock is read every 64 frames only.
func pace() asm.Instructions {
	return asm.Instructions{
		get(asm.R1, offDone),
		asm.JNE.Imm(asm.R1, 0, "drop"),
		get(asm.R1, offSent),
		get(asm.R2, offLimit),
		asm.JGE.Reg(asm.R1, asm.R2, "end"),
		get(asm.R2, offInterval),
		asm.JNE.Imm(asm.R2, 0, "clock"),
		asm.And.Imm(asm.R1, 63),
		asm.JNE.Imm(asm.R1, 0, "count"),

		asm.FnKtimeGetNs.Call().WithSymbol("clock"),
		get(asm.R1, offStart),
		asm.JNE.Imm(asm.R1, 0, "started"),
		asm.Mov.Reg(asm.R1, asm.R0),
		put(offStart, asm.R1),
		asm.Sub.Reg(asm.R0, asm.R1).WithSymbol("started"),
		get(asm.R1, offLength),
		asm.JGE.Reg(asm.R0, asm.R1, "end"),
		get(asm.R2, offInterval),
		asm.JEq.Imm(asm.R2, 0, "count"),

		asm.LSh.Imm(asm.R0, paceShift),
		get(asm.R1, offNext),
		asm.JLT.Reg(asm.R0, asm.R1, "drop"),
		asm.Mov.Reg(asm.R3, asm.R0),
		asm.Sub.Reg(asm.R3, asm.R1),
		asm.JLE.Imm(asm.R3, paceBurst, "plan"),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.Sub.Imm(asm.R1, paceBurst),
		asm.Add.Reg(asm.R1, asm.R2).WithSymbol("plan"),
		put(offNext, asm.R1),

		get(asm.R1, offSent).WithSymbol("count"),
		asm.Add.Imm(asm.R1, 1),
		put(offSent, asm.R1),
	}
}

// chooseFlow is walk.step: R5 is the flow.
func chooseFlow() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R9, flagSYN),
		get(asm.R1, offKind),
		asm.JEq.Imm(asm.R1, opening, "walk"),
		asm.Mov.Imm(asm.R9, flagACK),
		asm.JEq.Imm(asm.R1, confirming, "walk"),
		asm.Mov.Imm(asm.R9, flagSYN),
		get(asm.R1, offDue),
		get(asm.R2, offShare),
		asm.Add.Reg(asm.R1, asm.R2),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.RSh.Imm(asm.R2, shareShift),
		asm.LSh.Imm(asm.R1, 64-shareShift),
		asm.RSh.Imm(asm.R1, 64-shareShift),
		put(offDue, asm.R1),
		asm.JNE.Imm(asm.R2, 0, "fresh"),
		asm.Mov.Imm(asm.R9, flagACK),

		get(asm.R5, offFlow).WithSymbol("walk"),
		get(asm.R1, offStride),
		asm.Add.Reg(asm.R1, asm.R5),
		get(asm.R2, offFlows),
		asm.JLT.Reg(asm.R1, asm.R2, "walked"),
		asm.Sub.Reg(asm.R1, asm.R2),
		put(offFlow, asm.R1).WithSymbol("walked"),
		asm.Ja.Label("write"),

		get(asm.R5, offFresh).WithSymbol("fresh"),
		asm.Mov.Reg(asm.R1, asm.R5),
		asm.Add.Imm(asm.R1, 1),
		get(asm.R2, offEnd),
		asm.JLT.Reg(asm.R1, asm.R2, "taken"),
		get(asm.R1, offFlows),
		put(offFresh, asm.R1).WithSymbol("taken"),
	}
}

// frameInMemory finds the frame and shows the verifier that the headers fit: R8.
func frameInMemory(t *template) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R8, asm.R6, 0, asm.Word).WithSymbol("write"), // data
		asm.LoadMem(asm.R1, asm.R6, 4, asm.Word),                     // data_end
		asm.Mov.Reg(asm.R2, asm.R8),
		asm.Add.Imm(asm.R2, int32(t.headers)),
		asm.JGT.Reg(asm.R2, asm.R1, "drop"),
	}
}

// writeHeaders stores the template.
func writeHeaders(t *template) (p asm.Instructions) {
	at := 0
	for ; at+8 <= t.headers; at += 8 {
		p = append(p,
			asm.LoadImm(asm.R1, int64(binary.NativeEndian.Uint64(t.frame[at:])), asm.DWord),
			asm.StoreMem(asm.R8, int16(at), asm.R1, asm.DWord))
	}
	for ; at < t.headers; at += 2 {
		p = append(p, asm.StoreImm(asm.R8, int16(at), int64(binary.NativeEndian.Uint16(t.frame[at:])), asm.Half))
	}
	return p
}

// writeFlow stores source address and port: R3 and R4, for the checksums, are the
// client's number and the port.
func writeFlow(t *template) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R3, asm.R5),
		asm.And.Imm(asm.R3, 1<<t.bits-1),
		asm.Mov.Reg(asm.R4, asm.R5),
		asm.RSh.Imm(asm.R4, int32(t.bits)),
		asm.Add.Imm(asm.R4, firstPort),
		asm.Mov.Reg(asm.R1, asm.R3),
		asm.Or.Imm(asm.R1, int32(t.network)),
		asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.StoreMem(asm.R8, int16(t.source), asm.R1, asm.Half),
		asm.Mov.Reg(asm.R1, asm.R4),
		asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.StoreMem(asm.R8, int16(t.port), asm.R1, asm.Half),
	}
}

// writeChecksums stores what the template's sums and the flow add up to.
func writeChecksums(t *template) (p asm.Instructions) {
	if t.ipChecksum != 0 {
		p = append(p, asm.Mov.Reg(asm.R1, asm.R3), asm.Add.Imm(asm.R1, int32(t.ip)))
		p = append(p, folded()...)
		p = append(p,
			asm.HostTo(asm.BE, asm.R1, asm.Half),
			asm.StoreMem(asm.R8, int16(t.ipChecksum), asm.R1, asm.Half))
	}
	p = append(p,
		asm.Mov.Reg(asm.R1, asm.R3),
		asm.Add.Imm(asm.R1, int32(t.segment)),
		asm.Add.Reg(asm.R1, asm.R4))
	if t.tcp {
		p = append(p,
			asm.StoreMem(asm.R8, int16(t.flags), asm.R9, asm.Byte),
			asm.Add.Reg(asm.R1, asm.R9))
	}
	p = append(p, folded()...)
	if !t.tcp {
		p = append(p,
			asm.JNE.Imm(asm.R1, 0, "summed"),
			asm.Mov.Imm(asm.R1, math.MaxUint16))
	}
	return append(p,
		asm.HostTo(asm.BE, asm.R1, asm.Half).WithSymbol("summed"),
		asm.StoreMem(asm.R8, int16(t.checksum), asm.R1, asm.Half))
}

// folded is fold on R1.
func folded() (p asm.Instructions) {
	for range 2 {
		p = append(p,
			asm.Mov.Reg(asm.R2, asm.R1),
			asm.RSh.Imm(asm.R2, 16),
			asm.And.Imm(asm.R1, math.MaxUint16),
			asm.Add.Reg(asm.R1, asm.R2))
	}
	return append(p, asm.Xor.Imm(asm.R1, math.MaxUint16))
}
