package bench

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		s    Status
		want string
	}{
		{Status{What: "opening"}, "opening"},
		{Status{What: "path/parse", Round: 2, Rounds: 10, Left: 61500 * time.Millisecond}, "2/10 path/parse, 1m2s left"},
		{Status{What: "wire", Moving: true, Rate: 1.05e6, Loss: 0.0012}, "wire, 1.05 M frames/s, loss 0.12 %"},
	} {
		if got := c.s.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	var out bytes.Buffer
	l := &Line{Out: &out, Width: 10}
	l.Done() // nothing was shown
	l.Show(Status{What: "short"})
	l.Show(Status{What: "short"})
	l.Show(Status{What: "longer than äll"})
	l.Done()
	if got, want := out.String(), "\r\x1b[Kshort\r\x1b[Klonger t…\r\x1b[K"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	l := &Log{Logger: slog.New(slog.NewTextHandler(&out, nil))}
	l.Show(Status{What: "opening"})
	for round := 1; round <= 2; round++ {
		for range 3 {
			l.Show(Status{What: "x", Round: round, Rounds: 2})
		}
	}
	l.Done()
	l.Show(Status{What: "x", Round: 2, Rounds: 2, Moving: true, Rate: 1234.5678, Loss: 0.01})
	if !strings.HasSuffix(out.String(), "what=x round=2 of=2 left=0s rate=1235 loss=0.01\n") {
		t.Errorf("%s", out.String())
	}
	if got := strings.Count(out.String(), "measuring"); got != 3 {
		t.Errorf("%d lines:\n%s", got, out.String())
	}
}

func TestTables(t *testing.T) {
	r := sampleRun()
	var out strings.Builder
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a CPU <2 GHz>, 2 cores, 16384 MiB, amd64, Linux 6.18; director v1, go1.26",
		"interrupted: some of it is missing",
		"skipped: a peer: it is not here",
		"path: time, ns",
		"family  connections  median",
		"parse    ipv4         1000    1.50  50 %    0  3.00  3",
		"path: allocations, a frame: 0 throughout",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "busy") {
		t.Errorf("an idle machine is said to be busy:\n%s", out.String())
	}
	r.Machine.Load = 1.5
	if notes := strings.Join(r.Notes(), "\n"); !strings.Contains(notes, "the machine was busy before the run (load 1.5)") {
		t.Errorf("%s", notes)
	}
}

func TestName(t *testing.T) {
	n := Name{Scenario: "path", Variant: "hit", Params: []Param{P("family", 4), P("kind", "x")}, Metric: "time"}
	if got, want := n.String(), "path/hit family=4 kind=x time"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if v, ok := n.Number("family"); !ok || v != 4 {
		t.Errorf("family %v %v", v, ok)
	}
	for _, key := range []string{"kind", "none"} {
		if v, ok := n.Number(key); ok {
			t.Errorf("%s is the number %v", key, v)
		}
	}
	if got := n.Without("family"); len(got.Params) != 1 || len(n.Params) != 2 || got.Equal(n) {
		t.Errorf("%v", got)
	}
}

func TestThisMachine(t *testing.T) {
	m := ThisMachine()
	if m.Cores < 1 || m.Memory == 0 || m.Kernel == "" || m.Go == "" || m.Arch == "" {
		t.Errorf("%+v", m)
	}
	if free := FreeMemory(); free == 0 || free > m.Memory {
		t.Errorf("%d of %d bytes are free", free, m.Memory)
	}
	other := m
	other.Load, other.Go = m.Load+1, "another"
	if !m.Same(other) {
		t.Error("load and compiler make another machine")
	}
	if other.Kernel = "another"; m.Same(other) {
		t.Error("another kernel is the same machine")
	}
	if field("/proc/no-such-file", "x") != "" || firstWord("/proc/no-such-file") != "" {
		t.Error("a file that is not there says something")
	}
}
