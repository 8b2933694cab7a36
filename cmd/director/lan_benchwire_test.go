package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lvsdr/bench"
	"lvsdr/lab"
)

// benchWire prepares a short run that writes its samples to a file.
func benchWire(t *testing.T, args ...string) (cmd *exec.Cmd, file string) {
	t.Helper()
	lab.ForTest(t) // skips where there is no root
	file = filepath.Join(t.TempDir(), "run.json")
	args = append([]string{"bench", "wire", "--peers", "direct,director", "--flows", "500", "--json", file}, args...)
	return exec.CommandContext(t.Context(), "director", args...), file
}

// TestLANBenchWire: the command measures the program that it is part of.
func TestLANBenchWire(t *testing.T) {
	cmd, file := benchWire(t, "--rounds", "1", "--time", "20ms")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run, err := bench.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range []string{"direct", "director"} {
		if !strings.Contains(string(out), " "+peer+" ") {
			t.Errorf("no line about %s:\n%s", peer, out)
		}
	}
	if run.Interrupted || len(run.Series) == 0 {
		t.Errorf("interrupted %v, %d figures", run.Interrupted, len(run.Series))
	}
}

// TestLANBenchWireInterrupt: Ctrl-C ends a long run soon, and the director that it
// measures with it.
func TestLANBenchWireInterrupt(t *testing.T) {
	cmd, file := benchWire(t, "--rounds", "1000", "--time", "1m")
	temporary := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "round=1") {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(said.String(), "interrupted: what was measured is kept") {
		t.Errorf("it said:\n%s", said.String())
	}
	if run, err := bench.ReadFile(file); err != nil || !run.Interrupted {
		t.Errorf("%+v, %v", run, err)
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}
