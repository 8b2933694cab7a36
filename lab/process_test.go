package lab_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lvsdr/lab"
)

// gone reports whether a process has ended, or is a zombie of somebody else's.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

func TestLANProcessOutput(t *testing.T) {
	h := lab.ForTest(t).Host("h")
	var tee bytes.Buffer
	p := h.Command(t.Context(), "sh", "-c", `echo out; echo "ready at $X" >&2; read line; echo "got $line"; exit 3`)
	p.Env = []string{"X=port 80", "PATH=" + os.Getenv("PATH")}
	stdin, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	p.Stdin, p.Tee = stdin, &tee
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := p.WaitOutput(t.Context(), "ready")
	if err != nil || line != "ready at port 80" {
		t.Errorf("line %q, %v", line, err)
	}
	if p.ExitCode() != -1 {
		t.Error("it has ended")
	}
	mark := p.Mark()
	if _, err := feed.WriteString("this\n"); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	if found, err := p.WaitMatch(t.Context(), mark, regexp.MustCompile(`got (\w+)`)); err != nil || found[1] != "this" {
		t.Errorf("match %q, %v", found, err)
	}
	if _, err := p.WaitOutputAfter(t.Context(), mark, "ready"); err == nil {
		t.Error("a line before the mark was found")
	}
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || p.ExitCode() != 3 || !strings.HasSuffix(err.Error(), ": got this") {
		t.Errorf("ended with %v", err)
	}
	if p.Stdout() != "out\ngot this\n" || p.Stderr() != "ready at port 80\n" || tee.String() != p.Output() {
		t.Errorf("stdout %q, stderr %q, tee %q", p.Stdout(), p.Stderr(), tee.String())
	}
}

func TestLANProcessWaitEnds(t *testing.T) {
	h := lab.ForTest(t).Host("h")
	p := h.Command(t.Context(), "sleep", "60")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.WaitOutput(ctx, "never"); !errors.Is(err, context.Canceled) {
		t.Errorf("wait with a context that is over: %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := p.WaitOutput(t.Context(), "never"); err == nil {
		t.Error("a line was found in the output of a program that prints nothing")
	}
	if err := p.Start(); err == nil {
		t.Error("it was started twice")
	}
	if err := h.Command(t.Context(), "/does/not/exist").Start(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("start of what does not exist: %v", err)
	}
}

func TestLANContextKillsGroup(t *testing.T) {
	h := lab.ForTest(t).Host("h")
	ctx, cancel := context.WithCancel(t.Context())
	p := h.Command(ctx, "sh", "-c", `sleep 60 & echo "child $!"; wait`)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	child := childOf(t, p)
	cancel()
	if err := p.Wait(); err == nil || !gone(p.PID()) {
		t.Errorf("the program lives: %v", err)
	}
	if err := p.Stop(); err != nil || !gone(child) {
		t.Errorf("its child lives: %v", err)
	}
}

// childOf waits for a line "child PID".
func childOf(t *testing.T, p *lab.Process) int {
	t.Helper()
	found, err := p.WaitMatch(t.Context(), 0, regexp.MustCompile(`child (\d+)\n`))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestLANCloseKills(t *testing.T) {
	t.Parallel()
	l := lab.ForTest(t)
	h := l.Host("h")
	stubborn := h.Command(t.Context(), "sh", "-c", `trap "" TERM; sleep 60 & echo "child $!"; while :; do wait; done`)
	daemon := h.Command(t.Context(), "sh", "-c", `setsid sh -c 'trap "" TERM; echo "child $$"; exec sleep 60' & wait`)
	frozen := h.Command(t.Context(), "sh", "-c", `echo "child $$"; exec sleep 60`)
	for _, p := range []*lab.Process{stubborn, daemon, frozen} {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	children := []int{childOf(t, stubborn), childOf(t, daemon), childOf(t, frozen), stubborn.PID(), daemon.PID()}
	if err := frozen.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := l.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("close took %v", took)
	}
	for _, pid := range children {
		if !gone(pid) {
			t.Errorf("process %d lives", pid)
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	if err := h.Command(t.Context(), "true").Start(); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("start after close: %v", err)
	}
	if err := h.Do(func() error { return nil }); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("do after close: %v", err)
	}
}

func TestLANStop(t *testing.T) {
	t.Parallel()
	h := lab.ForTest(t).Host("h")
	polite := h.Command(t.Context(), "sh", "-c", `trap "echo bye; exit 4" TERM; echo ready; while :; do sleep 0.01; done`)
	stubborn := h.Command(t.Context(), "sh", "-c", `trap "" TERM; echo ready; while :; do sleep 1; done`)
	for _, p := range []*lab.Process{polite, stubborn} {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.WaitOutput(t.Context(), "ready"); err != nil {
			t.Fatal(err)
		}
	}
	if err := polite.Stop(); err != nil || polite.ExitCode() != 4 || !strings.HasSuffix(polite.Output(), "bye\n") {
		t.Errorf("stop: %v, exit code %d, %q", err, polite.ExitCode(), polite.Output())
	}
	if err := stubborn.Stop(); err == nil || !gone(stubborn.PID()) {
		t.Errorf("stop of what ignores SIGTERM: %v", err)
	}
}

func TestLANPrivateRun(t *testing.T) {
	l := lab.ForTest(t)
	a, b := l.Host("a"), l.Host("b")
	if err := a.Command(t.Context(), "sh", "-c", "echo x >/run/lab-test").Run(); err != nil {
		t.Fatal(err)
	}
	inA := a.Do(func() error { _, err := os.Stat("/run/lab-test"); return err })
	inB := b.Do(func() error { _, err := os.Stat("/run/lab-test"); return err })
	if _, here := os.Stat("/run/lab-test"); inA != nil || inB == nil || here == nil {
		t.Errorf("/run/lab-test: on a %v, on b %v, outside %v", inA, inB, here)
	}
	where := filepath.Join(t.TempDir(), "shared")
	if err := b.Command(t.Context(), "touch", where).Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(where); err != nil {
		t.Error(err)
	}
}

// TestLANKilled runs this very test in another process, which is killed while
// a program runs on a host.
func TestLANKilled(t *testing.T) {
	if os.Getenv("LAB_TEST_KILLED") != "" {
		p := lab.ForTest(t).Host("h").Command(t.Context(), "sleep", "60")
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("child " + strconv.Itoa(p.PID()) + "\n")
		_ = p.Wait()
		return
	}
	h := lab.ForTest(t).Host("outer")
	p := h.Command(t.Context(), os.Args[0], "-test.run=^TestLANKilled$")
	p.Env = append(os.Environ(), "LAB_TEST_KILLED=1")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	child := childOf(t, p)
	handle, err := os.FindProcess(child)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Error("it was not killed")
	}
	for began := time.Now(); !gone(child); time.Sleep(time.Millisecond) {
		if time.Since(began) > soon {
			_ = handle.Kill()
			t.Fatalf("process %d lives on", child)
		}
	}
}
