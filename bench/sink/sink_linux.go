package sink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// MaxServers is how many real servers a sink can tell apart.
const MaxServers = 1 << 12

// prefix is what the servers' addresses begin with; their number follows. It is
// a locally administered one.
var prefix = [4]byte{0x02, 0x73, 0x6b, 0x00}

// MAC returns the Ethernet address of a real server, 0 to MaxServers-1.
func MAC(server int) (mac [6]byte) {
	copy(mac[:], prefix[:])
	binary.BigEndian.PutUint16(mac[4:], uint16(server))
	return mac
}

// Sink counts on one interface. Its methods may be called from any goroutine.
type Sink struct {
	servers int
	counts  *ebpf.Map
	program *ebpf.Program
	hold    link.Link
}

// Open lets a sink count and drop all frames that come to the interface, which is
// looked up in the calling thread's network namespace. The driver must know XDP,
// as veth does. It needs CAP_BPF and CAP_NET_ADMIN, or root.
func Open(name string, servers int) (*Sink, error) {
	if servers < 1 || servers > MaxServers {
		return nil, fmt.Errorf("open sink on %s: %d servers: want 1 to %d", name, servers, MaxServers)
	}
	s := &Sink{servers: servers}
	if err := s.attach(name); err != nil {
		return nil, errors.Join(fmt.Errorf("open sink on %s: %w", name, err), s.Close())
	}
	return s, nil
}

func (s *Sink) attach(name string) (err error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	s.counts, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "bench_sink", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: uint32(s.servers + 1),
	})
	if err != nil {
		return fmt.Errorf("make map: %w", err)
	}
	s.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "bench_sink", Type: ebpf.XDP, License: "GPL", Instructions: program(s.counts.FD(), s.servers),
	})
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	s.hold, err = link.AttachXDP(link.XDPOptions{
		Program: s.program, Interface: device.Index, Flags: link.XDPDriverMode,
	})
	if err != nil {
		return fmt.Errorf("attach program: %w", err)
	}
	return nil
}

// Values of linux/bpf.h and linux/if_ether.h.
const (
	xdpDrop        = 1
	ethernetHeader = 14
)

// program counts by destination: R1 is the number at its end, or the number of
// servers where the address is none of theirs.
func program(counts, servers int) asm.Instructions {
	return asm.Instructions{
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

		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word).WithSymbol("count"),
		asm.LoadMapPtr(asm.R1, counts),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("drop"),
		asm.Return(),
	}
}

// Counts is what has come since the sink was opened.
type Counts struct {
	Servers []uint64 // frames, by server
	Others  uint64   // to other addresses
}

// Total is the sum over the servers.
func (c *Counts) Total() (n uint64) {
	for _, frames := range c.Servers {
		n += frames
	}
	return n
}

// Counts reads the counters.
func (s *Sink) Counts() (Counts, error) {
	c := Counts{Servers: make([]uint64, s.servers)}
	for i := range s.servers + 1 {
		var each []uint64
		if err := s.counts.Lookup(uint32(i), &each); err != nil {
			return c, fmt.Errorf("read sink: %w", err)
		}
		var frames uint64
		for _, n := range each {
			frames += n
		}
		if i == s.servers {
			c.Others = frames
		} else {
			c.Servers[i] = frames
		}
	}
	return c, nil
}

// Close takes the sink off the interface.
func (s *Sink) Close() error {
	var err error
	if s.hold != nil {
		err = s.hold.Close()
	}
	if s.program != nil {
		err = errors.Join(err, s.program.Close())
	}
	if s.counts != nil {
		err = errors.Join(err, s.counts.Close())
	}
	return err
}
