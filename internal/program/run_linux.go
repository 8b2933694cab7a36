// Package program runs programs that others have written, so that nothing of them
// outlasts its time, and nothing of this process leaks into them.
package program

import (
	"context"
	"errors"
	"math"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Path is PATH for programs that are given none.
const Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// pipeDelay is how long a program's output may stay open after its end, held by
// what it has started in another process group.
const pipeDelay = 100 * time.Millisecond

// Run runs cmd in a process group of its own, and returns what its Wait does. When
// ctx is done, and when the program has ended, all that is left of the group is
// killed, and reaped where this process is who must. The kernel kills the program if
// this process dies, and takes the end of the thread that has started it for that
// (prctl(2), PR_SET_PDEATHSIG): so the thread is kept.
//
// await, unless it is nil, is given what waits for the end, to call it on whichever
// goroutine; its error is Run's, and cmd must not be looked at then.
func Run(ctx context.Context, cmd *exec.Cmd, await func(wait func()) error) error {
	keepFiles()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.WaitDelay = pipeDelay
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return err
	}
	pid, killed := cmd.Process.Pid, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = unix.Kill(-pid, unix.SIGKILL) // it may have ended
		close(killed)
	})
	var failed error
	wait := func() {
		awaitEnd(pid)
		if !stop() {
			<-killed
		}
		// Until it is reaped below, no other process can have its number.
		_ = unix.Kill(-pid, unix.SIGKILL)
		failed = cmd.Wait()
		reapGroup(pid)
	}
	if await == nil {
		wait()
	} else if err := await(wait); err != nil {
		return err
	}
	return failed
}

// keepFiles keeps from programs the open files that this process was given by
// whoever started it. All that it opens itself is close-on-exec already.
func keepFiles() {
	// Without the system call (before Linux 5.11) programs have what they are given.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// awaitEnd waits until a child has ended, and leaves it to be reaped.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// reapGroup reaps what was left of a killed group whose parent is gone, if this
// process has inherited it, as the first of a container does.
func reapGroup(pgid int) {
	for {
		if _, err := unix.Wait4(-pgid, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
