package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"lvsdr/internal/program"
)

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

// run runs the program, and returns its exit code, or minus the number of the signal
// that ended it.
func (c *command) run(ctx context.Context, output io.Writer) (code int, err error) {
	if err := c.stubborn.free(); err != nil {
		return 0, err
	}
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.env, c.directory, output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner.credential()}
	if c.cgroup != nil {
		group, err := c.cgroup()
		if err != nil {
			return 0, err
		}
		defer group.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.Fd())
	}
	err = program.Run(ctx, cmd, func(wait func()) error { return c.stubborn.await(ctx, wait) })
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return 0, err
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// credential is nil where there is nothing to change, which an unprivileged
// process may not even try.
func (o owner) credential() *syscall.Credential {
	if os.Geteuid() != 0 && int(o.uid) == os.Geteuid() && int(o.gid) == os.Getegid() {
		return nil
	}
	return &syscall.Credential{Uid: o.uid, Gid: o.gid, Groups: o.groups}
}
