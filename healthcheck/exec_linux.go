package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pipeDelay is how long a program's output may stay open after its end, held by
// what it has started in another process group.
const pipeDelay = 100 * time.Millisecond

// lookupOwner reads "USER" or "USER:GROUP". With a group, that is the only one;
// else the user's groups are those of the host's database.
func lookupOwner(text string) (owner, error) {
	name, group, hasGroup := strings.Cut(text, ":")
	if name == "" && !hasGroup {
		name = DefaultUser
	}
	var o owner
	uid, err := strconv.ParseUint(name, 10, 31)
	u, lookup := user.Lookup(name)
	if err == nil {
		u, lookup = user.LookupId(name)
	}
	switch {
	case lookup == nil:
		uid, err = strconv.ParseUint(u.Uid, 10, 32)
	case err == nil && !hasGroup:
		return o, fmt.Errorf("user %s has no entry here, so no group", name)
	case err != nil:
		return o, fmt.Errorf("user %q does not exist", name)
	}
	if err != nil {
		return o, fmt.Errorf("user %q: %w", name, err)
	}
	o.uid = uint32(uid)
	if hasGroup {
		o.gid, err = lookupGroup(group)
		return o, err
	}
	return o.withGroupsOf(u)
}

func lookupGroup(name string) (uint32, error) {
	id := name
	if g, err := user.LookupGroup(name); err == nil {
		id = g.Gid
	}
	gid, err := strconv.ParseUint(id, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("group %q does not exist", name)
	}
	return uint32(gid), nil
}

// withGroupsOf gives o the groups of the host's database.
func (o owner) withGroupsOf(u *user.User) (owner, error) {
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return o, fmt.Errorf("group of user %s: %w", u.Username, err)
	}
	o.gid = uint32(gid)
	ids, err := u.GroupIds()
	if err != nil {
		return o, fmt.Errorf("groups of user %s: %w", u.Username, err)
	}
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			o.groups = append(o.groups, uint32(n))
		}
	}
	return o, nil
}

// run runs the program in a process group of its own, and returns its exit code,
// or minus the number of the signal that ended it. When ctx is done, and when
// the program has ended, all that is left of the group is killed, and reaped
// where this process is who must. The kernel kills the program if this process
// dies, and takes the end of the thread that has started it for that (prctl(2),
// PR_SET_PDEATHSIG): so the thread is kept.
func (p *program) run(ctx context.Context, output io.Writer) (code int, err error) {
	if err := p.stubborn.free(); err != nil {
		return 0, err
	}
	keepFiles()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.directory, output, output
	cmd.WaitDelay = pipeDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: p.owner.credential(),
	}
	if p.cgroup != nil {
		group, err := p.cgroup()
		if err != nil {
			return 0, err
		}
		defer group.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.Fd())
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		unix.Kill(-pid, unix.SIGKILL)
		close(killed)
	})
	var failed error
	err = p.stubborn.await(ctx, func() {
		awaitEnd(pid)
		if !stop() {
			<-killed
		}
		// Until it is reaped below, no other process can have its number.
		unix.Kill(-pid, unix.SIGKILL)
		failed = cmd.Wait()
		reapGroup(pid)
	})
	if err != nil {
		return 0, err
	}
	var exit *exec.ExitError
	if failed != nil && !errors.As(failed, &exit) && !errors.Is(failed, exec.ErrWaitDelay) {
		return 0, failed
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// keepFiles keeps from programs the open files that this process was given by
// whoever started it. All that it opens itself is close-on-exec already.
func keepFiles() {
	// Without the system call (before Linux 5.11) programs have what they are given.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// credential is nil where there is nothing to change, which an unprivileged
// process may not even try.
func (o owner) credential() *syscall.Credential {
	if os.Geteuid() != 0 && int(o.uid) == os.Geteuid() && int(o.gid) == os.Getegid() {
		return nil
	}
	return &syscall.Credential{Uid: o.uid, Gid: o.gid, Groups: o.groups}
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
