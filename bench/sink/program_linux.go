package sink

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// program counts by a BPF program. The kernel takes it off the interface when this
// process ends, however it does: the link is a file of the process.
type program struct {
	servers int
	bpf     *ebpf.Program
	array   *ebpf.Map
	hold    link.Link
}

// hook is a place at which the kernel runs a program for each frame.
type hook struct {
	kind       ebpf.ProgramType
	data, end  int16 // where a program's context has the frame's first byte, and the one behind it
	drop, pass int32 // what it returns
	attach     func(ifindex int, p *ebpf.Program) (link.Link, error)
}

// atXDP is the driver, or right behind it: struct xdp_md, enum xdp_action
// (linux/bpf.h).
func atXDP(mode link.XDPAttachFlags) hook {
	return hook{
		kind: ebpf.XDP, data: 0, end: 4, drop: 1, pass: 2,
		attach: func(ifindex int, p *ebpf.Program) (link.Link, error) {
			return link.AttachXDP(link.XDPOptions{Program: p, Interface: ifindex, Flags: mode})
		},
	}
}

// atTC is where traffic is controlled: struct __sk_buff, TCX_DROP and TCX_NEXT
// (linux/bpf.h).
var atTC = hook{
	kind: ebpf.SchedCLS, data: 76, end: 80, drop: 2, pass: -1,
	attach: func(ifindex int, p *ebpf.Program) (link.Link, error) {
		return link.AttachTCX(link.TCXOptions{Program: p, Interface: ifindex, Attach: ebpf.AttachTCXIngress})
	},
}

// writer writes a program for a hook that counts into the array of that descriptor.
type writer func(h *hook, array int) asm.Instructions

// openProgram puts the program on the interface, in the calling thread's network.
func openProgram(h hook, ifindex, servers int, write writer) (*program, error) {
	p := &program{servers: servers}
	if err := p.attach(&h, ifindex, write); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *program) attach(h *hook, ifindex int, write writer) (err error) {
	p.array, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "bench_sink", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(p.servers + 1),
	})
	if err != nil {
		return fmt.Errorf("make map: %w", err)
	}
	p.bpf, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "bench_sink", Type: h.kind, License: "GPL", Instructions: write(h, p.array.FD()),
	})
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	if p.hold, err = h.attach(ifindex, p.bpf); err != nil {
		return fmt.Errorf("attach program: %w", err)
	}
	return nil
}

const ethernetHeader = 14 // linux/if_ether.h

// countAll counts by destination, for as many servers, and drops everything: R1 is
// the number of the address, or the number of servers where it is none of theirs.
func countAll(servers int) writer {
	return func(h *hook, array int) asm.Instructions {
		p := asm.Instructions{
			asm.Mov.Imm(asm.R9, h.drop),
			asm.LoadMem(asm.R2, asm.R1, h.data, asm.Word),
			asm.LoadMem(asm.R3, asm.R1, h.end, asm.Word),
			asm.Mov.Imm(asm.R1, int32(servers)),
			asm.Mov.Reg(asm.R4, asm.R2),
			asm.Add.Imm(asm.R4, ethernetHeader),
			asm.JGT.Reg(asm.R4, asm.R3, "count"),
			asm.LoadMem(asm.R4, asm.R2, 0, asm.Word),
			asm.LoadImm(asm.R5, int64(binary.NativeEndian.Uint32(prefix[:])), asm.DWord),
			asm.JNE.Reg(asm.R4, asm.R5, "count"),
			asm.LoadMem(asm.R4, asm.R2, 4, asm.Half),
			asm.HostTo(asm.BE, asm.R4, asm.Half),
			asm.JGE.Imm(asm.R4, int32(servers), "count"),
			asm.Mov.Reg(asm.R1, asm.R4),
		}
		return append(p, count(array)...)
	}
}

// count ends a program: it counts in the place R1 of the array, and returns R9.
func count(array int) asm.Instructions {
	return asm.Instructions{
		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word).WithSymbol("count"),
		asm.LoadMapPtr(asm.R1, array),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R0, asm.R9).WithSymbol("end"),
		asm.Return(),
	}
}

// counts returns the counters of the servers, and behind them that of all others.
func (p *program) counts() ([]uint64, error) {
	frames := make([]uint64, p.servers+1)
	for i := range frames {
		var each []uint64
		if err := p.array.Lookup(uint32(i), &each); err != nil {
			return nil, fmt.Errorf("read map: %w", err)
		}
		for _, n := range each {
			frames[i] += n
		}
	}
	return frames, nil
}

func (p *program) close() error {
	var err error
	if p.hold != nil {
		err = p.hold.Close()
	}
	if p.bpf != nil {
		err = errors.Join(err, p.bpf.Close())
	}
	if p.array != nil {
		err = errors.Join(err, p.array.Close())
	}
	return err
}
