package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"lvsdr/internal/program"
)

const (
	// outputLimit is how much of a program's output is looked at; the rest is
	// read and forgotten.
	outputLimit = 4 << 10

	// Exit codes, as those of keepalived's MISC_CHECK: from codeWeight on, the
	// weight is the code less codeWeight. 255 is what shells and ssh end with
	// when they could not do what they were asked to.
	codeUp     = 0
	codeDown   = 1
	codeWeight = 2
	codeError  = 255
)

// execCheck runs a program. What it does is its own affair: its exit code is the
// verdict, the first line of its output the message.
type execCheck struct {
	command command
	dynamic bool
}

// command is what is run, and how.
type command struct {
	args      []string
	env       []string
	directory string
	owner     owner
	cgroup    func() (*os.File, error) // nil: that of this process
	stubborn  stubborn
}

// owner is as whom a program runs.
type owner struct {
	uid, gid uint32
	groups   []uint32 // supplementary
}

// JoinCommand makes Spec.Command of a program and its arguments. None of them has
// a NUL in it: that ends each.
func JoinCommand(args []string) string {
	var b strings.Builder
	for _, a := range args {
		b.WriteString(a)
		b.WriteByte(0)
	}
	return b.String()
}

// splitCommand undoes JoinCommand.
func splitCommand(command string) []string {
	if command == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(command, "\x00"), "\x00")
}

func validateExec(s *Spec) []FieldError {
	var errs []FieldError
	fail := func(field, message, remedy string) { errs = append(errs, FieldError{field, message, remedy}) }
	if err := runnable(splitCommand(s.Command)); err != nil {
		fail("command", err.Error(), "a program that exists and its arguments, such as [/usr/local/bin/check, --fast]")
	}
	if _, err := lookupOwner(s.User); err != nil {
		fail("user", err.Error(), "a user of this host, such as nobody, or USER:GROUP, or numbers")
	}
	if info, err := os.Stat(s.Directory); s.Directory != "" && (err != nil || !info.IsDir() || !filepath.IsAbs(s.Directory)) {
		fail("directory", fmt.Sprintf("%q is not a directory of this host", s.Directory), "the absolute path of one that exists")
	}
	if _, err := parseEnvironment(s.Environment); err != nil {
		fail("environment", err.Error(), "names and values, such as {LANG: C}")
	}
	return errs
}

// runnable reports why a command cannot be run. Whether its user may run it is
// for the kernel to say.
func runnable(args []string) error {
	if len(args) == 0 || args[0] == "" {
		return errors.New("is missing: nothing says what to run")
	}
	if !filepath.IsAbs(args[0]) {
		return fmt.Errorf("%q is not an absolute path", args[0])
	}
	info, err := os.Stat(args[0])
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("program %s does not exist", args[0])
	case err != nil:
		return fmt.Errorf("program %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a program", args[0])
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("program %s is not executable: chmod +x", args[0])
	}
	return nil
}

// parseEnvironment reads a line "NAME=value" each.
func parseEnvironment(lines string) (env []string, err error) {
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		name, _, found := strings.Cut(line, "=")
		if !found || !isVariable(name) {
			return nil, fmt.Errorf("%q is not the name of a variable", name)
		}
		if strings.HasPrefix(name, "DIRECTOR_") {
			return nil, fmt.Errorf("%s is set by the check itself", name)
		}
		if strings.ContainsRune(line, 0) {
			return nil, fmt.Errorf("the value of %s has a NUL in it", name)
		}
		env = append(env, line)
	}
	return env, nil
}

// isVariable reports whether a shell can name it (POSIX, 8.1).
func isVariable(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

func newExec(s Spec, t Target, way Way) (question, error) {
	env, err := parseEnvironment(s.Environment)
	if err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	owner, err := lookupOwner(s.User)
	if err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	return &execCheck{dynamic: s.Dynamic, command: command{
		args: splitCommand(s.Command), directory: s.Directory, owner: owner, cgroup: way.Cgroup,
		// The last of two variables with the same name wins, in os/exec.
		env: append(append([]string{"PATH=" + program.Path}, env...), variables(t)...),
	}}, nil
}

// variables tell a program what it is to check.
func variables(t Target) []string {
	vars := []string{
		"DIRECTOR_ADDRESS=" + t.Addr.String(),
		"DIRECTOR_REAL_SERVER=" + t.RIP.String(),
		"DIRECTOR_PORT=" + strconv.Itoa(int(t.Port)),
	}
	if t.VIP.IsValid() {
		vars = append(vars, "DIRECTOR_VIP="+t.VIP.String())
	}
	return vars
}

func (c *execCheck) ask(ctx context.Context) (Result, error) {
	output := &program.Output{Limit: outputLimit}
	code, err := c.command.run(ctx, output)
	if ctx.Err() != nil && !errors.Is(err, errStuck) {
		return Result{}, ctx.Err()
	}
	if err != nil {
		return Result{}, err
	}
	return c.judge(code, oneLine(output.FirstLine()))
}

// judge makes a verdict of an exit code, or of minus the signal's number.
func (c *execCheck) judge(code int, line string) (Result, error) {
	switch {
	case code == codeUp:
		return Result{Message: orElse(line, "exit code 0")}, nil
	case c.dynamic && code >= codeWeight && code < codeError:
		weight := code - codeWeight
		text := "weight " + strconv.Itoa(weight)
		if line != "" {
			text = line + " (" + text + ")"
		}
		return Result{Message: text, Weight: weight, Weighted: true}, nil
	}
	text := "exit code " + strconv.Itoa(code)
	if code < 0 {
		text = "ended by signal " + strconv.Itoa(-code)
	}
	if line != "" {
		text += ": " + line
	}
	return Result{}, errors.New(text)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func (c *execCheck) String() string { return "exec://" + c.command.args[0] }
