package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// script is a check of what a shell does.
func script(t testing.TB, text string) Spec {
	t.Helper()
	s := spec("exec")
	s.Command = JoinCommand([]string{"/bin/sh", "-c", text})
	s.User = whoami(t)
	return s
}

// whoami is the user that a test can run programs as, whoever runs it.
func whoami(t testing.TB) string {
	t.Helper()
	if os.Geteuid() == 0 {
		return DefaultUser
	}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Uid
}

func TestExec(t *testing.T) {
	target := Target{Addr: netip.MustParseAddr("192.0.2.21"), VIP: netip.MustParseAddr("192.0.2.10"), Port: 80}
	for _, tt := range []struct {
		text   string
		static bool
		ok     bool
		want   string
		weight int // -1: none
	}{
		{"exit 0", false, true, "exit code 0", -1},
		{"echo; echo ' fine '; echo more", false, true, "fine", -1},
		{"echo to stderr >&2", false, true, "to stderr", -1},
		{"exit 1", false, false, "exit code 1", -1},
		{"echo no; exit 1", false, false, "exit code 1: no", -1},
		{"exit 2", false, true, "weight 0", 0},
		{"echo busy; exit 12", false, true, "busy (weight 10)", 10},
		{"exit 254", false, true, "weight 252", 252},
		{"exit 255", false, false, "exit code 255", -1},
		{"exit 2", true, false, "exit code 2", -1},
		{"exit 0", true, true, "exit code 0", -1},
		{"kill -9 $$", false, false, "ended by signal 9", -1},
		{"head -c 1000000 /dev/zero | tr '\\0' x", false, true, "xxxx", -1},
		{`echo "$DIRECTOR_ADDRESS $DIRECTOR_PORT $DIRECTOR_VIP $DIRECTOR_REAL_SERVER"`, false, true, "192.0.2.21 80 192.0.2.10 192.0.2.21", -1},
		{`echo "$A,$PATH,$HOME"`, false, true, "a=b c,/usr/local/sbin:", -1},
		{"pwd", false, true, "/", -1},
		{"cat", false, true, "exit code 0", -1}, // nothing to read
	} {
		t.Run(tt.text, func(t *testing.T) {
			s := script(t, tt.text)
			s.Dynamic, s.Environment = !tt.static, "A=a=b c\n"
			r := check(t, s, target)
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) || r.Weighted != (tt.weight >= 0) || r.Weight != max(tt.weight, 0) {
				t.Errorf("got %+v, want %v, %q, weight %d", r, tt.ok, tt.want, tt.weight)
			}
		})
	}
}

// TestExecOwner: the program has its user's rights, and no other group's.
func TestExecOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		s := script(t, `echo "$(id -u)"`)
		if r := check(t, s, Target{Addr: netip.MustParseAddr("192.0.2.21")}); r.Message != strconv.Itoa(os.Geteuid()) {
			t.Errorf("got %+v", r)
		}
		return
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"":                  nobody.Uid + " " + nobody.Gid + " " + nobody.Gid,
		"nobody":            nobody.Uid + " " + nobody.Gid + " " + nobody.Gid,
		nobody.Uid:          nobody.Uid + " " + nobody.Gid + " " + nobody.Gid,
		"nobody:daemon":     nobody.Uid + " 1 1",
		nobody.Uid + ":123": nobody.Uid + " 123 123",
		"12345:123":         "12345 123 123",
		"root:root":         "0 0 0",
	} {
		s := script(t, "id -u; id -g; id -G")
		s.Command = JoinCommand([]string{"/bin/sh", "-c", `echo "$(id -u) $(id -g) $(id -G)"`})
		s.User = name
		if r := check(t, s, Target{Addr: netip.MustParseAddr("192.0.2.21")}); r.Message != want {
			t.Errorf("%q: got %+v, want %q", name, r, want)
		}
	}
}

// TestExecTimeLimit: the program and all that it has started are gone when its
// time is over, and when it has ended; none is left as a zombie, also where this
// process inherits those whose parent is gone.
func TestExecTimeLimit(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	for _, tt := range []struct {
		name, text, want string
	}{
		{"sleeps", "echo $$ >$PIDS; echo started; exec sleep 60", "no answer within"},
		{"with children", "echo $$ >$PIDS; sleep 60 & echo $! >>$PIDS; (sleep 60 & echo $! >>$PIDS; wait) & wait", "no answer within"},
		{"ignores signals", "trap '' TERM INT HUP; echo $$ >$PIDS; sleep 60 & echo $! >>$PIDS; wait; wait", "no answer within"},
		{"leaves children", "echo $$ >$PIDS; sleep 60 & echo $! >>$PIDS; echo done", "done"},
		{"leaves silent children", "echo $$ >$PIDS; sleep 60 </dev/null >/dev/null 2>&1 & echo $! >>$PIDS; echo done", "done"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			if err := errors.Join(os.WriteFile(pids, nil, 0o666), os.Chmod(pids, 0o666), open(filepath.Dir(pids))); err != nil {
				t.Fatal(err)
			}
			s := script(t, tt.text)
			s.Environment, s.Timeout = "PIDS="+pids+"\n", time.Second
			if r := check(t, s, Target{Addr: netip.MustParseAddr("192.0.2.21")}); !strings.Contains(r.Message, tt.want) {
				t.Errorf("got %+v, want %q", r, tt.want)
			}
			text, err := os.ReadFile(pids)
			if err != nil || len(text) == 0 {
				t.Fatalf("%q: %v", text, err)
			}
			for pid := range strings.FieldsSeq(string(text)) {
				n, _ := strconv.Atoi(pid)
				if err := unix.Kill(n, 0); !errors.Is(err, unix.ESRCH) {
					t.Errorf("process %d is still there: %v", n, err)
				}
			}
		})
	}
}

// open lets any user into a directory of a test, and into those above.
func open(dir string) error {
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// TestExecEscaped: a child in another process group keeps neither the probe nor
// the program waiting, though it holds the program's output open.
func TestExecEscaped(t *testing.T) {
	s := script(t, "setsid sleep 5 & echo done")
	start := time.Now()
	r := check(t, s, Target{Addr: netip.MustParseAddr("192.0.2.21")})
	if took := time.Since(start); !r.OK || r.Message != "done" || took > s.Timeout {
		t.Errorf("after %v: got %+v", took, r)
	}
}

func TestExecStopped(t *testing.T) {
	c, err := New(script(t, "sleep 60"), Target{Addr: netip.MustParseAddr("192.0.2.21")}, Way{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Check(ctx); r.OK || r.Message != "stopped" {
		t.Errorf("got %+v", r)
	}
}

// TestExecCgroup: the program is started in the group of its way, and a group
// that is not there fails the check.
func TestExecCgroup(t *testing.T) {
	asked := errors.New("no group for 192.0.2.21")
	c, err := New(script(t, "exit 0"), Target{Addr: netip.MustParseAddr("192.0.2.21")}, Way{Cgroup: func() (*os.File, error) { return nil, asked }})
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Check(t.Context()); r.OK || r.Message != asked.Error() {
		t.Errorf("got %+v", r)
	}
	c, err = New(script(t, "exit 0"), Target{Addr: netip.MustParseAddr("192.0.2.21")}, Way{Cgroup: func() (*os.File, error) { return os.Open("/") }})
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Check(t.Context()); r.OK {
		t.Errorf("started in a directory that is no control group: %+v", r)
	}
}

// TestExecFiles: what this process was given to be open stays its own.
func TestExecFiles(t *testing.T) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	s := script(t, fmt.Sprintf("test ! -e /proc/self/fd/%d", fd))
	if r := check(t, s, Target{Addr: netip.MustParseAddr("192.0.2.21")}); !r.OK {
		t.Errorf("the program has it too: %+v", r)
	}
}

func TestExecValidate(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		change func(*Spec)
		field  string
		want   string
	}{
		{func(s *Spec) { s.Command = "" }, "command", "is missing"},
		{func(s *Spec) { s.Command = JoinCommand([]string{"", "x"}) }, "command", "is missing"},
		{func(s *Spec) { s.Command = JoinCommand([]string{"sh", "-c", "true"}) }, "command", "not an absolute path"},
		{func(s *Spec) { s.Command = JoinCommand([]string{dir + "/none"}) }, "command", "does not exist"},
		{func(s *Spec) { s.Command = JoinCommand([]string{plain + "/none"}) }, "command", "not a directory"},
		{func(s *Spec) { s.Command = JoinCommand([]string{dir}) }, "command", "is not a program"},
		{func(s *Spec) { s.Command = JoinCommand([]string{plain}) }, "command", "is not executable"},
		{func(s *Spec) { s.User = "no-such-user" }, "user", "does not exist"},
		{func(s *Spec) { s.User = "-1" }, "user", "does not exist"},
		{func(s *Spec) { s.User = "4294967295" }, "user", "does not exist"},
		{func(s *Spec) { s.User = "123456" }, "user", "no entry"},
		{func(s *Spec) { s.User = "nobody:no-such-group" }, "user", "does not exist"},
		{func(s *Spec) { s.User = "nobody:" }, "user", "does not exist"},
		{func(s *Spec) { s.User = ":daemon" }, "user", "does not exist"},
		{func(s *Spec) { s.Directory = dir + "/none" }, "directory", "not a directory"},
		{func(s *Spec) { s.Directory = plain }, "directory", "not a directory"},
		{func(s *Spec) { s.Directory = "." }, "directory", "not a directory"},
		{func(s *Spec) { s.Environment = "1A=b\n" }, "environment", "not the name"},
		{func(s *Spec) { s.Environment = "A\n" }, "environment", "not the name"},
		{func(s *Spec) { s.Environment = "DIRECTOR_PORT=1\n" }, "environment", "set by the check"},
		{func(s *Spec) { s.Environment = "A=a\x00b\n" }, "environment", "NUL"},
	} {
		s := spec("exec")
		s.Command = JoinCommand([]string{"/bin/sh", "-c", "true"})
		tt.change(&s)
		errs := s.Validate()
		if len(errs) != 1 || errs[0].Field != tt.field || !strings.Contains(errs[0].Message, tt.want) || errs[0].Remedy == "" {
			t.Errorf("%s: got %v, want %q", tt.field, errs, tt.want)
		}
	}
}

func TestJoinCommand(t *testing.T) {
	for _, args := range [][]string{nil, {"/bin/true"}, {"/bin/echo", "", "a b", ""}, {""}} {
		if got := splitCommand(JoinCommand(args)); strings.Join(got, "|") != strings.Join(args, "|") || len(got) != len(args) {
			t.Errorf("%q: %q", args, got)
		}
	}
}
