package via

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// markOffset is where struct bpf_sock (linux/bpf.h) has the mark.
const markOffset = 16

// loadMarker loads the program that marks a socket when it is made. It needs
// CAP_BPF and CAP_NET_ADMIN, or root.
func loadMarker(mark uint32) (*ebpf.Program, error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name:       "lvsdr_probe",
		Type:       ebpf.CGroupSock,
		AttachType: ebpf.AttachCGroupInetSockCreate,
		Instructions: asm.Instructions{
			asm.Mov.Imm32(asm.R2, int32(mark)),
			asm.StoreMem(asm.R1, markOffset, asm.R2, asm.Word),
			asm.Mov.Imm(asm.R0, 1), // the socket may be made
			asm.Return(),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("load the BPF program that marks sockets: %w", err)
	}
	return program, nil
}

// attachMarker has all sockets marked that are made in a group. The program goes
// with the group.
func attachMarker(group *os.File, mark uint32) error {
	program, err := loadMarker(mark)
	if err != nil {
		return err
	}
	defer program.Close()
	err = link.RawAttachProgram(link.RawAttachProgramOptions{
		Target: int(group.Fd()), Program: program,
		Attach: ebpf.AttachCGroupInetSockCreate, Flags: unix.BPF_F_ALLOW_MULTI,
	})
	if err != nil {
		return fmt.Errorf("attach the BPF program that marks sockets: %w", err)
	}
	return nil
}
