package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lvsdr/bench"
	"lvsdr/bench/report"
	"lvsdr/lab"
)

// TestLANBenchLatency: the command measures the program that it is part of, and draws
// its round trips.
func TestLANBenchLatency(t *testing.T) {
	lab.ForTest(t) // skips where there is no root
	directory := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "director", "bench", "latency", "--quick",
		"--peers", "direct,director", "--poll", "adaptive", "--loads", "0", "--report", directory).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run, err := bench.ReadFile(filepath.Join(directory, report.Data))
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range []string{"direct", "director adaptive"} {
		if !strings.Contains(string(out), " "+peer+" ") {
			t.Errorf("no line about %s:\n%s", peer, out)
		}
	}
	if run.Interrupted || len(run.Series) == 0 || len(run.Distributions) != 4 {
		t.Errorf("interrupted %v, %d figures, %d distributions", run.Interrupted, len(run.Series), len(run.Distributions))
	}
	for _, plot := range []string{"plot-1.svg", "plot-2.svg"} {
		drawn, err := os.ReadFile(filepath.Join(directory, plot))
		if err != nil || !strings.Contains(string(drawn), "director adaptive") || !strings.Contains(string(drawn), "<polyline") {
			t.Errorf("%s: %v\n%s", plot, err, drawn)
		}
	}
}
