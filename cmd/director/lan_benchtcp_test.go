package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lvsdr/bench"
	"lvsdr/lab"
)

// TestLANBenchTCP: the command measures the program that it is part of, and draws
// what it found.
func TestLANBenchTCP(t *testing.T) {
	lab.ForTest(t) // skips where there is no root
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "director", "bench", "tcp",
		"--quick", "--time", "50ms", "--peers", "direct,director", "--report", dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run, err := bench.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if run.Interrupted || len(run.Series) == 0 {
		t.Errorf("interrupted %v, %d figures", run.Interrupted, len(run.Series))
	}
	for _, want := range []string{"tcp connections: ratio, times", "tcp requests: rate, requests/s", "tcp upload: rate, bit/s", " director "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q:\n%s", want, out)
		}
	}
	plot, err := os.ReadFile(filepath.Join(dir, "plot-3.svg"))
	if err != nil || !strings.Contains(string(plot), "director, client built-in, offloads off") {
		t.Errorf("the uploads' plot: error %v\n%s", err, plot)
	}
}
