package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"lvsdr/bench"
	"lvsdr/bench/path"
	benchtcp "lvsdr/bench/tcp"
)

// measureIn runs a benchmark as the commands do.
func measureIn(t *testing.T, benchmark func(context.Context, *bench.Run, bench.Progress) error) (string, *bench.Run, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "run.json")
	o := benchOutput{json: file}
	var out bytes.Buffer
	cmd := &cobra.Command{Use: "path"}
	cmd.SetOut(&out)
	cmd.SetErr(new(bytes.Buffer))
	cmd.SetContext(t.Context())
	failed := o.measure(cmd, benchmark)
	run, err := bench.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if others, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(others) != 1 {
		t.Errorf("files left: %v", others)
	}
	return out.String(), run, failed
}

// record measures one figure.
func record(r *bench.Run) {
	r.Record(&bench.Case{Scenario: "path", Variant: "parse"}, 1, bench.Reading{Metric: "time", Unit: "ns", Better: bench.Lower, Value: 5})
}

// TestBenchInterrupted: a signal ends the benchmark, and what it has found is kept.
func TestBenchInterrupted(t *testing.T) {
	out, run, err := measureIn(t, func(ctx context.Context, r *bench.Run, _ bench.Progress) error {
		record(r)
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
			return err
		}
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if err == nil || !strings.Contains(err.Error(), "bench path: interrupted: what was measured is kept") {
		t.Errorf("error %v", err)
	}
	if !run.Interrupted || len(run.Series) != 1 || run.End.Before(run.Start) || !strings.Contains(out, "interrupted") {
		t.Errorf("%+v\n%s", run, out)
	}
}

// TestBenchFails: so it is with what broke.
func TestBenchFails(t *testing.T) {
	broken := errors.New("broken")
	_, run, err := measureIn(t, func(_ context.Context, r *bench.Run, _ bench.Progress) error {
		record(r)
		return broken
	})
	if !errors.Is(err, broken) || !run.Interrupted || len(run.Series) != 1 {
		t.Errorf("error %v: %+v", err, run)
	}
}

func TestBenchPathOptions(t *testing.T) {
	quick := path.Quick()
	for _, c := range []struct {
		name  string
		o     benchPathOptions
		check func(path.Options) bool
	}{
		{"none", benchPathOptions{}, func(p path.Options) bool { return p.Rounds == 0 && p.Connections == nil }},
		{"quick", benchPathOptions{quick: true}, func(p path.Options) bool {
			return p.Rounds == quick.Rounds && len(p.Connections) == len(quick.Connections)
		}},
		{"quick with rounds", benchPathOptions{quick: true, rounds: 9}, func(p path.Options) bool { return p.Rounds == 9 && p.Sample == quick.Sample }},
		{"large", benchPathOptions{large: true}, func(p path.Options) bool { return len(p.Connections) == 4 && p.Connections[3] == path.Large }},
		{"order", benchPathOptions{connections: []int{5, 3, 5}}, func(p path.Options) bool {
			return len(p.Connections) == 2 && p.Connections[0] == 3 && p.Connections[1] == 5
		}},
	} {
		if p := c.o.options(); !c.check(p) {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

func TestBenchTCPOptions(t *testing.T) {
	quick := benchtcp.Quick()
	for _, c := range []struct {
		name  string
		o     benchTCPOptions
		check func(benchtcp.Options) bool
	}{
		{"none", benchTCPOptions{}, func(o benchtcp.Options) bool { return o.Time == 0 && o.Rounds == 0 && !o.BuiltIn }},
		{"quick", benchTCPOptions{quick: true}, func(o benchtcp.Options) bool {
			return o.Time == quick.Time && o.Rounds == quick.Rounds && o.BuiltIn
		}},
		{"quick with rounds", benchTCPOptions{quick: true, Options: benchtcp.Options{Rounds: 9, Peers: []string{"direct"}}}, func(o benchtcp.Options) bool {
			return o.Rounds == 9 && o.Time == quick.Time && len(o.Peers) == 1
		}},
	} {
		if o := c.o.options(); !c.check(o) {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}
