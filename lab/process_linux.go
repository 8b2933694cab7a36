package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// How long programs may take between SIGTERM and SIGKILL.
const (
	stopGrace  = 5 * time.Second // Stop
	closeGrace = 2 * time.Second // the lab's Close
)

// Process is a program on a host. Set the fields before Start. Methods may be
// called from any goroutine once it is started.
type Process struct {
	Env   []string  // default: this process's environment
	Dir   string    // default: this process's working directory
	Stdin io.Reader // default: nothing to read
	// Tee also gets what the program prints, while it runs; optional. Writes to
	// it do not overlap.
	Tee io.Writer

	host   *Host
	cmd    *exec.Cmd
	out    output
	done   chan struct{} // closed when the program has ended
	state  atomic.Int32
	result error // of Wait; valid once done is closed
}

// States of a process.
const (
	processNew int32 = iota
	processStarted
	processFailed
)

// Command prepares a program to run on the host; Start starts it. When ctx
// ends, the program and its process group are killed. The program runs in its
// own process group, and is killed by the kernel when this process ends. It
// should stay in the foreground: one that becomes a daemon loses its output, and
// lives until the lab's Close.
func (h *Host) Command(ctx context.Context, name string, args ...string) *Process {
	p := &Process{host: h, cmd: exec.CommandContext(ctx, name, args...), done: make(chan struct{})}
	p.out.changed = make(chan struct{})
	return p
}

// Start starts the program.
func (p *Process) Start() error {
	if !p.state.CompareAndSwap(processNew, processStarted) {
		return fmt.Errorf("%s: start: already started", p)
	}
	p.prepare()
	if err := p.launch(); err != nil {
		p.state.Store(processFailed)
		return fmt.Errorf("%s: start: %w", p, err)
	}
	go func() {
		p.result = p.cmd.Wait()
		p.out.end()
		close(p.done)
	}()
	return nil
}

// launch forks and registers under the lab's lock, so that Close either sees
// the process or comes first.
func (p *Process) launch() error {
	l := p.host.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	if err := p.host.ns.fork(p.cmd.Start); err != nil {
		return err
	}
	l.procs = append(l.procs, p)
	return nil
}

func (p *Process) prepare() {
	c := p.cmd
	c.Env, c.Dir, c.Stdin = p.Env, p.Dir, p.Stdin
	if c.Dir == "" {
		c.Dir, _ = os.Getwd() // the forking thread may be elsewhere
	}
	p.out.tee = p.Tee
	c.Stdout, c.Stderr = p.out.writer(&p.out.stdout), p.out.writer(&p.out.stderr)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return p.signalGroup(syscall.SIGKILL) }
	// A grandchild that keeps the pipes open must not keep Wait waiting.
	c.WaitDelay = 500 * time.Millisecond
}

// Run starts the program and waits for it. The error of a program that fails
// ends with the last line that it printed.
func (p *Process) Run() error {
	if err := p.Start(); err != nil {
		return err
	}
	return p.Wait()
}

// Wait waits until the program has ended. Its error wraps an *exec.ExitError
// if the exit code is not 0, and ends with the last line that was printed. It
// may be called often.
func (p *Process) Wait() error {
	if p.state.Load() != processStarted {
		return fmt.Errorf("%s: wait: not started", p)
	}
	<-p.done
	if p.result == nil || errors.Is(p.result, exec.ErrWaitDelay) {
		return nil
	}
	if line := p.out.lastLine(); line != "" {
		return fmt.Errorf("%s: %w: %s", p, p.result, line)
	}
	return fmt.Errorf("%s: %w", p, p.result)
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode returns the exit code, or -1 while the program runs or if a signal
// ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// PID returns the process's number, or 0 before it is started.
func (p *Process) PID() int {
	if p.state.Load() != processStarted || p.cmd.Process == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Signal sends a signal to the program, not to its children.
func (p *Process) Signal(sig os.Signal) error {
	if p.PID() == 0 {
		return fmt.Errorf("%s: signal: not started", p)
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("%s: send %v: %w", p, sig, err)
	}
	return nil
}

// Kill kills the program and its process group and waits for it.
func (p *Process) Kill() error {
	if p.PID() == 0 {
		return nil
	}
	select {
	case <-p.done:
	default:
		// The program is not reaped before done, so the number is still its own.
		if err := p.signalGroup(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("%s: kill: %w", p, err)
		}
		<-p.done
	}
	return killStrays(p.host.ns.inode, p.PID())
}

// Stop ends the program politely: SIGTERM, and after 5 seconds SIGKILL to it
// and its process group, which is an error. It is none if the program had not
// been started or had ended before; ExitCode and Wait tell how it ended.
func (p *Process) Stop() error {
	if p.PID() == 0 {
		return nil
	}
	p.terminate()
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if !p.endsBefore(ctx) {
		return errors.Join(fmt.Errorf("%s: stop: killed after %v, it ignored SIGTERM", p, stopGrace), p.Kill())
	}
	return p.Kill()
}

// terminate asks a program to end. One that is stopped can only do so when it
// goes on. Errors mean that it has ended already.
func (p *Process) terminate() {
	_ = p.Signal(syscall.SIGTERM)
	_ = p.Signal(syscall.SIGCONT)
}

// endsBefore reports whether the program ends before the context does.
func (p *Process) endsBefore(ctx context.Context) bool {
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
	}
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stopAll stops processes side by side, those that must be killed silently.
func stopAll(procs []*Process) error {
	for _, p := range procs {
		p.terminate()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	var err error
	for _, p := range procs {
		p.endsBefore(ctx)
		err = errors.Join(err, p.Kill())
	}
	return err
}

// signalGroup signals the program and its process group.
func (p *Process) signalGroup(sig syscall.Signal) error {
	err := syscall.Kill(-p.cmd.Process.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// String is HOST: PROGRAM ARGS.
func (p *Process) String() string {
	return p.host.name + ": " + strings.Join(p.cmd.Args, " ")
}
