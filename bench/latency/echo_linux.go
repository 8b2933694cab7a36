package latency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// Answers says what an [Echo] answers.
type Answers struct {
	ClientMAC [6]byte
	Server    netip.Addr   // the real server's own address, IPv4
	Port      uint16       // UDP
	Load      netip.Prefix // clients of which datagrams are only counted, and dropped
}

// Echo answers in a real server's driver, by an XDP program: UDP datagrams to a port
// go back as they came, with addresses and ports exchanged. A datagram to the
// server's own address goes back to where the frame came from, be it a client or a
// NAT; one to any other, which is a VIP, straight to the client. Checksums hold as
// they are: sums do not know an order. All other frames reach the host.
type Echo struct {
	array   *ebpf.Map
	program *ebpf.Program
	hold    link.Link
}

// Places in the map of counters.
const (
	countAnswered = iota
	countLoad
	counters
)

// OpenEcho puts it on an interface, in the calling thread's network. It needs CAP_BPF
// and CAP_NET_ADMIN, or root. What the other end of a veth sends has to have complete
// checksums, and that end has to take frames from XDP: it does with GRO on.
func OpenEcho(name string, a Answers) (*Echo, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("answer on %s: %w", name, err)
	}
	e := new(Echo)
	if err := e.attach(device, &a); err != nil {
		return nil, errors.Join(fmt.Errorf("answer on %s: %w", name, err), e.Close())
	}
	return e, nil
}

func (e *Echo) attach(device *net.Interface, a *Answers) (err error) {
	if !a.Server.Is4() || !a.Load.Addr().Is4() || a.Port == 0 {
		return fmt.Errorf("server %v, port %d, load from %v: want IPv4 addresses and a port", a.Server, a.Port, a.Load)
	}
	e.array, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "bench_echo", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: counters,
	})
	if err != nil {
		return fmt.Errorf("make map: %w", err)
	}
	e.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "bench_echo", Type: ebpf.XDP, License: "GPL", Instructions: echoProgram(e.array.FD(), device, a),
	})
	if err != nil {
		return fmt.Errorf("load program: %w", err)
	}
	e.hold, err = link.AttachXDP(link.XDPOptions{
		Program: e.program, Interface: device.Index, Flags: link.XDPDriverMode,
	})
	if err != nil {
		return fmt.Errorf("attach program: %w", err)
	}
	return nil
}

// Answered is how many datagrams were sent back.
func (e *Echo) Answered() (uint64, error) { return e.count(countAnswered) }

// Load is how many datagrams of the load came.
func (e *Echo) Load() (uint64, error) { return e.count(countLoad) }

func (e *Echo) count(place uint32) (sum uint64, err error) {
	var each []uint64
	if err := e.array.Lookup(place, &each); err != nil {
		return 0, fmt.Errorf("read counters: %w", err)
	}
	for _, n := range each {
		sum += n
	}
	return sum, nil
}

// Close takes it off the interface.
func (e *Echo) Close() error {
	var err error
	if e.hold != nil {
		err = e.hold.Close()
	}
	if e.program != nil {
		err = errors.Join(err, e.program.Close())
	}
	if e.array != nil {
		err = errors.Join(err, e.array.Close())
	}
	return err
}

// Values of linux/bpf.h.
const (
	xdpDrop     = 1
	xdpPass     = 2
	xdpRedirect = 4
)

// Offsets in a frame of IPv4 without options and UDP.
const (
	offDestination = 0
	offSource      = 6
	offType        = 12
	offVersion     = 14
	offProtocol    = 23
	offFrom        = 26
	offTo          = 30
	offFromPort    = 34
	offToPort      = 36
	offEnd         = 42
)

// echoProgram is the program: R6 is the frame, R7 the counter's place, R8 what is
// returned. Numbers in the frame are compared as they lie there. An answer is
// redirected to the interface itself: XDP_TX on a veth wakes the other end only if
// that has a program too.
func echoProgram(counts int, device *net.Interface, a *Answers) asm.Instructions {
	p := asm.Instructions{
		asm.LoadMem(asm.R6, asm.R1, 0, asm.Word), // data
		asm.LoadMem(asm.R2, asm.R1, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R3, asm.R6),
		asm.Add.Imm(asm.R3, offEnd),
		asm.JGT.Reg(asm.R3, asm.R2, "pass"),
	}
	// A switch sends to all what it does not know. An answer to that would have it
	// believe that another host's address is here.
	for at := int16(0); at < 6; at += 2 {
		p = append(p, unlessEqual(offDestination+at, asm.Half, device.HardwareAddr[at:at+2], "pass")...)
	}
	p = append(p, unlessEqual(offType, asm.Half, []byte{0x08, 0x00}, "pass")...)
	p = append(p, unlessEqual(offVersion, asm.Byte, []byte{0x45}, "pass")...)
	p = append(p, unlessEqual(offProtocol, asm.Byte, []byte{17}, "pass")...)
	p = append(p, unlessEqual(offToPort, asm.Half, binary.BigEndian.AppendUint16(nil, a.Port), "pass")...)
	p = append(p, countLoadOf(a.Load)...)
	p = append(p, asm.Mov.Imm(asm.R7, countAnswered), asm.Mov.Imm(asm.R8, xdpRedirect))
	p = append(p, exchangeMACs(a.Server.As4(), a.ClientMAC)...)
	p = append(p, exchange(offFrom, offTo, asm.Word)...)
	p = append(p, exchange(offFromPort, offToPort, asm.Half)...)
	return append(p,
		asm.StoreMem(asm.RFP, -4, asm.R7, asm.Word).WithSymbol("count"),
		asm.LoadMapPtr(asm.R1, counts),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "return"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.JEq.Imm(asm.R8, xdpDrop, "return"),
		asm.Mov.Imm(asm.R1, int32(device.Index)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.Mov.Reg(asm.R0, asm.R8).WithSymbol("return"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpPass).WithSymbol("pass"),
		asm.Return(),
	)
}

// unlessEqual jumps if the bytes in the frame are others.
func unlessEqual(offset int16, size asm.Size, want []byte, label string) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.R6, offset, size),
		asm.LoadImm(asm.R2, number(want), asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, label),
	}
}

// number is what a processor of this machine loads from bytes.
func number(b []byte) int64 {
	switch len(b) {
	case 1:
		return int64(b[0])
	case 2:
		return int64(binary.NativeEndian.Uint16(b))
	default:
		return int64(binary.NativeEndian.Uint32(b))
	}
}

// countLoadOf goes on with what is not from the network.
func countLoadOf(network netip.Prefix) asm.Instructions {
	first, mask := network.Masked().Addr().As4(), net.CIDRMask(network.Bits(), 32)
	return asm.Instructions{
		asm.Mov.Imm(asm.R7, countLoad),
		asm.Mov.Imm(asm.R8, xdpDrop),
		asm.LoadMem(asm.R1, asm.R6, offFrom, asm.Word),
		asm.LoadImm(asm.R2, number(mask), asm.DWord),
		asm.And.Reg(asm.R1, asm.R2),
		asm.LoadImm(asm.R2, number(first[:]), asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R2, "count"),
	}
}

// exchange exchanges two numbers of the frame.
func exchange(one, other int16, size asm.Size) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.R6, one, size),
		asm.LoadMem(asm.R2, asm.R6, other, size),
		asm.StoreMem(asm.R6, one, asm.R2, size),
		asm.StoreMem(asm.R6, other, asm.R1, size),
	}
}

// exchangeMACs sends the frame back to where it came from, and, unless it was to the
// server's own address, to the client instead.
func exchangeMACs(server [4]byte, client [6]byte) (p asm.Instructions) {
	for at := int16(0); at < 6; at += 2 {
		p = append(p, exchange(offDestination+at, offSource+at, asm.Half)...)
	}
	p = append(p,
		asm.LoadMem(asm.R1, asm.R6, offTo, asm.Word),
		asm.LoadImm(asm.R2, number(server[:]), asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R2, "addressed"))
	for at := 0; at < 6; at += 2 {
		p = append(p,
			asm.LoadImm(asm.R1, number(client[at:at+2]), asm.DWord),
			asm.StoreMem(asm.R6, int16(offDestination+at), asm.R1, asm.Half))
	}
	return append(p, asm.Mov.Reg(asm.R1, asm.R1).WithSymbol("addressed"))
}
