package ipvsadm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"lvsdr/admin/api"
)

// Director is the running director, such as an [api.Client].
type Director interface {
	Status(ctx context.Context) (*api.Status, error)
	// Change makes changes in their order. The first that is refused is an error
	// that wraps an *api.Error with a Code and how many were made before it.
	Change(ctx context.Context, changes api.Changes) (api.Changed, error)
	// Connections calls fn for each connection until it returns an error.
	Connections(ctx context.Context, filter api.ConnectionFilter, fn func(api.Connection) error) error
}

// Command is one run of ipvsadm.
type Command struct {
	Director Director
	Program  string // what it calls itself; "": ipvsadm
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer
	Names    Names // nil: NewHostNames()
}

// Run does what the arguments, without the program's name, ask for. The exit
// code is ipvsadm's: 0 done, 1 nothing to list, 2 wrong usage or no director, 255
// a change was refused.
func (c Command) Run(ctx context.Context, args []string) int {
	if c.Program == "" {
		c.Program = "ipvsadm"
	}
	if c.Names == nil {
		c.Names = NewHostNames()
	}
	s := &session{Command: c, out: bufio.NewWriter(c.Stdout)}
	code := s.line(ctx, args)
	if err := s.out.Flush(); err != nil {
		fmt.Fprintln(c.Stderr, err)
		return exitFailed
	}
	return code
}

// session is a run that is under way.
type session struct {
	Command
	out *bufio.Writer
}

// line does what one line asks for.
func (s *session) line(ctx context.Context, args []string) int {
	if len(args) == 0 {
		args = []string{"--list"}
	}
	r, err := parse(args, s.Names)
	if err == nil && r.command == restore {
		return s.restore(ctx)
	}
	if err == nil {
		err = s.do(ctx, r)
	}
	return s.report(err, "")
}

// do does what is asked for, but for a restore.
func (s *session) do(ctx context.Context, r *request) error {
	switch r.command {
	case help:
		return s.help()
	case version:
		fmt.Fprintln(s.out, versionLine)
		return nil
	case list, save:
		return s.show(ctx, r)
	}
	_, err := s.Director.Change(ctx, api.Changes{*r.change()})
	return explain(err, r.command)
}

// report says what is wrong, and where if there are several lines, and returns
// the exit code.
func (s *session) report(err error, where string) int {
	if err == nil {
		return exitDone
	}
	m := &mistake{code: exitFailed, text: err.Error()}
	errors.As(err, &m)
	text := m.text
	if m.lost {
		text = fmt.Sprintf("Try `%s -h' or '%s --help' for more information.", s.Program, s.Program)
	}
	fmt.Fprintln(s.Stderr, text+where)
	return m.code
}
