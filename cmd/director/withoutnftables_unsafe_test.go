package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// withoutNFTables is the program `without-nftables PROGRAM ARGS`: for PROGRAM, the
// kernel has no nfnetlink, as one that was built without netfilter. A filter of
// system calls (seccomp(2)) has socket(AF_NETLINK, ..., NETLINK_NETFILTER) fail
// with EPROTONOSUPPORT; all else is real.
func withoutNFTables() {
	runtime.LockOSThread() // the filter is this thread's, and execve keeps it
	const (
		number   = 0  // where struct seccomp_data has the number of the call,
		domain   = 16 // its first argument
		protocol = 32 // and its third (low words, little-endian)
	)
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	// skip goes on behind the next n instructions unless the value is k.
	skip := func(k uint32, n uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: n, K: k}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	filter := []unix.SockFilter{
		load(number), skip(unix.SYS_SOCKET, 5),
		load(domain), skip(unix.AF_NETLINK, 3),
		load(protocol), skip(unix.NETLINK_NETFILTER, 1),
		answer(unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)),
		answer(unix.SECCOMP_RET_ALLOW),
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	}
	path := ""
	if err == nil {
		path, err = exec.LookPath(os.Args[1])
	}
	if err == nil {
		err = syscall.Exec(path, os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
