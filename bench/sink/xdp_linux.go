package sink

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// xdp counts by an XDP program. The kernel takes it off the interface when this
// process ends, however it does: the link is a file of the process.
type xdp struct {
	servers int
	program *ebpf.Program
	array   *ebpf.Map
	hold    link.Link
}

// writer writes a program that counts into the array of that descriptor.
type writer func(array int) asm.Instructions

// openXDP puts the program on the interface, in the calling thread's network.
func openXDP(ifindex, servers int, write writer, mode link.XDPAttachFlags) (*xdp, error) {
	x := &xdp{servers: servers}
	if err := x.attach(ifindex, write, mode); err != nil {
		return nil, errors.Join(err, x.close())
	}
	return x, nil
}

func (x *xdp) attach(ifindex int, write writer, mode link.XDPAttachFlags) (err error) {
	x.array, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "bench_sink", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(x.servers + 1),
	})
	if err != nil {
		return fmt.Errorf("make map: %w", err)
	}
	x.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "bench_sink", Type: ebpf.XDP, License: "GPL", Instructions: write(x.array.FD()),
	})
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	x.hold, err = link.AttachXDP(link.XDPOptions{
		Program: x.program, Interface: ifindex, Flags: mode,
	})
	if err != nil {
		return fmt.Errorf("attach program: %w", err)
	}
	return nil
}

// Values of linux/bpf.h and linux/if_ether.h.
const (
	xdpDrop        = 1
	xdpPass        = 2
	ethernetHeader = 14
)

// countAll counts by destination, for as many servers, and drops everything: R1 is
// the number of the address, or the number of servers where it is none of theirs.
func countAll(servers int) writer {
	return func(array int) asm.Instructions {
		p := asm.Instructions{
			asm.Mov.Imm(asm.R9, xdpDrop),
			asm.LoadMem(asm.R2, asm.R1, 0, asm.Word), // data
			asm.LoadMem(asm.R3, asm.R1, 4, asm.Word), // data_end
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
func (x *xdp) counts() ([]uint64, error) {
	frames := make([]uint64, x.servers+1)
	for i := range frames {
		var each []uint64
		if err := x.array.Lookup(uint32(i), &each); err != nil {
			return nil, fmt.Errorf("read map: %w", err)
		}
		for _, n := range each {
			frames[i] += n
		}
	}
	return frames, nil
}

func (x *xdp) close() error {
	var err error
	if x.hold != nil {
		err = x.hold.Close()
	}
	if x.program != nil {
		err = errors.Join(err, x.program.Close())
	}
	if x.array != nil {
		err = errors.Join(err, x.array.Close())
	}
	return err
}
