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

	"lvsdr/admin/api"
	"lvsdr/internal/program"
)

// maxOutput is how much of a program's output is looked at; the rest is read and
// forgotten.
const maxOutput = 4 << 10

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

// deliver runs the program until it ends, or for its time limit.
func (r *programReceiver) deliver(ctx context.Context, _ <-chan struct{}, e *api.Event) error {
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	output := &program.Output{Limit: maxOutput}
	cmd := exec.Command(r.Command[0], r.Command[1:]...)
	cmd.Dir, cmd.Env = "/", environment(e)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(append(text, '\n')), output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: r.credential}
	err = program.Run(limited, cmd, nil)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // something else holds its output
		return nil
	case limited.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("it ran for more than %v, and was killed", r.Timeout)
	}
	if line := output.FirstLine(); line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

// environment tells a program of an event.
func environment(e *api.Event) []string {
	env := []string{"PATH=" + program.Path}
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
