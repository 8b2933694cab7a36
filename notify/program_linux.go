package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/admin/api"
)

const (
	// programPath is the PATH of programs.
	programPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	// pipeDelay is how long a program's output may stay open after its end, held by what
	// it has started in another process group.
	pipeDelay = 100 * time.Millisecond
	// maxOutput is how much of a program's output is looked at; the rest is read and
	// forgotten.
	maxOutput = 4 << 10
)

// programReceiver runs a program for each event.
type programReceiver struct {
	Program
	credential *syscall.Credential // nil: that of this process
}

func openProgram(p Program) (receiver, error) {
	r := &programReceiver{Program: p}
	if p.User == "" {
		return r, nil
	}
	var err error
	r.credential, err = credentialOf(p.User)
	if err != nil {
		return nil, fmt.Errorf("notify by %s: %w", p.name(), err)
	}
	return r, nil
}

// credentialOf is who a user is, with the groups of the host's database.
func credentialOf(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("user %q does not exist", name)
		}
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %s: %w", name, err)
	}
	c := new(syscall.Credential)
	for i, text := range append([]string{u.Uid, u.Gid}, ids...) {
		n, err := strconv.ParseUint(text, 10, 32)
		switch {
		case err != nil:
			return nil, fmt.Errorf("user %s: %w", name, err)
		case i == 0:
			c.Uid = uint32(n)
		case i == 1:
			c.Gid = uint32(n)
		default:
			c.Groups = append(c.Groups, uint32(n))
		}
	}
	if int(c.Uid) == os.Geteuid() {
		return nil, nil // who is not root may not even ask to stay who it is
	}
	return c, nil
}

func (r *programReceiver) close() {}

// deliver runs the program, in a process group of its own. When it has ended, or at its
// time limit, all that is left of the group is killed. The kernel kills the program if
// this process dies.
func (r *programReceiver) deliver(ctx context.Context, _ <-chan struct{}, e *api.Event) error {
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	output := &head{limit: maxOutput}
	cmd := exec.Command(r.Command[0], r.Command[1:]...)
	cmd.Dir, cmd.Env = "/", environment(e)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(append(text, '\n')), output, output
	cmd.WaitDelay = pipeDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: r.credential}
	err = runGroup(limited, cmd)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // something else holds its output
		return nil
	case limited.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("it ran for more than %v, and was killed", r.Timeout)
	}
	if line := firstLine(output.bytes); line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

// runGroup runs a program and kills its group in the end.
func runGroup(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	pid, killed := cmd.Process.Pid, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = unix.Kill(-pid, unix.SIGKILL) // it may have ended
		close(killed)
	})
	for {
		// Until it is reaped below, no other process can have its number.
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if !stop() {
		<-killed
	}
	_ = unix.Kill(-pid, unix.SIGKILL)
	return cmd.Wait()
}

// environment tells a program of an event.
func environment(e *api.Event) []string {
	env := []string{"PATH=" + programPath}
	for _, v := range []struct{ name, value string }{
		{"EVENT", string(e.Kind)},
		{"TIME", e.Time.Format(time.RFC3339Nano)},
		{"SEQ", strconv.FormatUint(e.Seq, 10)},
		{"SERVICE", e.Service},
		{"SERVER", e.Server},
		{"FROM", e.From},
		{"TO", e.To},
		{"REASON", e.Reason},
		{"BY", e.By},
		{"LOST", strconv.FormatUint(e.Lost, 10)},
	} {
		env = append(env, "DIRECTOR_"+v.name+"="+strings.ReplaceAll(v.value, "\x00", ""))
	}
	return env
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes []byte
	limit int
}

func (h *head) Write(b []byte) (int, error) {
	h.bytes = append(h.bytes, b[:min(len(b), h.limit-len(h.bytes))]...)
	return len(b), nil
}

// firstLine is the first line with something on it.
func firstLine(text []byte) string {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return string(line)
		}
	}
	return ""
}
