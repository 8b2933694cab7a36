package ipvsadm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// manyLines are a service and n servers.
func manyLines(n int) string {
	var b strings.Builder
	b.WriteString("-A -t 10.0.0.1:80 -s rr\n")
	for i := range n {
		fmt.Fprintf(&b, "-a -t 10.0.0.1:80 -r 10.1.%d.%d:80 -g -w 1\n", i/256, i%256)
	}
	return b.String()
}

// TestRestoreIsFast: many lines are few requests, also when some are refused;
// all others are made, in their order.
func TestRestoreIsFast(t *testing.T) {
	const n = 10000
	for _, test := range []struct {
		name      string
		refuse    func(i int) bool
		requests  int
		refused   int
		firstLine string
	}{
		{"nothing refused", func(int) bool { return false }, 20, 0, ""},
		{"one refused", func(i int) bool { return i == 4000 }, 40, 1, "Destination already exists (line 4001)\n"},
		{"the first refused", func(i int) bool { return i == 0 }, 40, 1, "Destination already exists (line 1)\n"},
		{"every thousandth refused", func(i int) bool { return i%1000 == 999 }, 60, 10, "Destination already exists (line 1000)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, tried := new(fakeDirector), 0
			d.refuse = func(*api.Change) *api.Error {
				tried++
				if test.refuse(tried - 1) {
					return &api.Error{Code: api.CodeServerExists}
				}
				return nil
			}
			code, _, err := run(d, manyLines(n), "-R")
			if code != exitDone || strings.Count(err, "\n") != test.refused || !strings.HasPrefix(err, test.firstLine) {
				t.Errorf("exit code %d, %.200q", code, err)
			}
			if d.requests > test.requests || len(d.made) != n+1-test.refused || tried != n+1 {
				t.Errorf("%d requests, %d of %d tried, %d made; want at most %d requests", d.requests, tried, n+1, len(d.made), test.requests)
			}
		})
	}
}

// TestRestoreAllRefused: the exit code is the last line's, every line is told.
func TestRestoreAllRefused(t *testing.T) {
	d := &fakeDirector{refuse: func(*api.Change) *api.Error { return &api.Error{Code: api.CodeNoService} }}
	code, _, err := run(d, manyLines(2500), "-R")
	if code != exitRefused || strings.Count(err, "\n") != 2501 || d.requests != 2501 {
		t.Errorf("exit code %d, %d messages, %d requests", code, strings.Count(err, "\n"), d.requests)
	}
	if !strings.HasPrefix(err, "No such service (line 1)\nService not defined (line 2)\n") {
		t.Errorf("%.100q", err)
	}
}

// TestRestoreDoesNotWait: who writes a line and waits for what it does is not
// left waiting.
func TestRestoreDoesNotWait(t *testing.T) {
	r, w := io.Pipe()
	d := &tellingDirector{made: make(chan string)}
	var stdout, stderr bytes.Buffer
	c := Command{Director: d, Stdin: r, Stdout: &stdout, Stderr: &stderr, Names: testNames()}
	done := make(chan int)
	go func() { done <- c.Run(context.Background(), []string{"-R"}) }()
	for i := range 3 {
		fmt.Fprintf(w, "-D -t 10.0.0.1:%d\n", 80+i)
		if got, want := <-d.made, fmt.Sprintf("10.0.0.1:%d", 80+i); got != want {
			t.Errorf("%s is deleted, want %s", got, want)
		}
	}
	w.Close()
	if code := <-done; code != exitDone || stderr.Len() != 0 {
		t.Errorf("exit code %d, %q", code, &stderr)
	}
}

type tellingDirector struct {
	fakeDirector
	made chan string
}

func (d *tellingDirector) Change(_ context.Context, changes api.Changes) (api.Changed, error) {
	for _, c := range changes {
		d.made <- c.Service.Address
	}
	return api.Changed{Applied: len(changes)}, nil
}

// TestRestoreEnds: a director that ends, and lines that cannot be read, end it;
// what came before is done.
func TestRestoreEnds(t *testing.T) {
	d := &fakeDirector{err: errors.New("gone")}
	if code, _, err := run(d, "-C\n-L --timeout\n-C\n", "-R"); code != exitUsage || d.requests != 1 || err != "Can't initialize ipvs: gone (line 1)\n" {
		t.Errorf("exit code %d after %d requests, %q", code, d.requests, err)
	}
	d = new(fakeDirector)
	code, _, err := run(d, "-C\n-A "+strings.Repeat("x", maxLine)+"\n-C\n", "-R")
	if code != exitUsage || len(d.made) != 1 || err != "a line is longer than 65536 bytes (line 2)\n" {
		t.Errorf("exit code %d, %d changes, %q", code, len(d.made), err)
	}
	d = new(fakeDirector)
	var stderr bytes.Buffer
	broken := io.MultiReader(strings.NewReader("-C\n-D -t 10.0.0.1:8"), iotest.ErrReader(errors.New("disk on fire")))
	c := Command{Director: d, Stdin: broken, Stdout: io.Discard, Stderr: &stderr, Names: testNames()}
	code = c.Run(context.Background(), []string{"-R"})
	if code != exitUsage || len(d.made) != 1 || stderr.String() != "read the lines: disk on fire (line 2)\n" {
		t.Errorf("exit code %d, %d changes, %q", code, len(d.made), &stderr)
	}
}

// TestRestoreTakesComments, unlike ipvsadm, which lets ipvsadm-restore take
// them away.
func TestRestoreTakesComments(t *testing.T) {
	d := new(fakeDirector)
	code, _, err := run(d, "# of Monday\n  #-C\n-Z\n#\n", "-R")
	if code != exitDone || err != "" || len(d.made) != 1 || d.made[0].Op != api.ZeroCounters {
		t.Errorf("exit code %d, %q, %+v", code, err, d.made)
	}
}

// TestParseRules: all lines become changes, each knows its place.
func TestParseRules(t *testing.T) {
	rules, err := parseRules("ipvsadm.rules", strings.NewReader(`# saved by ipvsadm
-A -t 10.0.0.1:http -s sh -b sh-port

ipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2 -w 3
--set 0 30 0
`), testNames())
	if err != nil {
		t.Fatal(err)
	}
	want := api.Changes{
		{Op: api.AddService, Service: &api.VirtualService{Protocol: "tcp", Address: "10.0.0.1:80", Scheduler: "sh", Flags: []string{"sh-port"}}},
		{
			Op: api.AddServer, Service: &api.VirtualService{Protocol: "tcp", Address: "10.0.0.1:80"},
			Server: &api.Destination{Address: "10.0.0.2:80", Weight: 3},
		},
		{Op: api.SetTimeouts, Timeouts: &api.Timeouts{TCPFin: 30}},
	}
	if diff := cmp.Diff(want, rules.Changes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := rules.Place(1); p != "ipvsadm.rules:4" {
		t.Errorf("the second change is at %s", p)
	}
	if rules, err := ParseRules("none", strings.NewReader("")); err != nil || len(rules.Changes) != 0 {
		t.Errorf("an empty file: %+v, %v", rules, err)
	}
}

// TestWrongRules: every mistake is told, with its line.
func TestWrongRules(t *testing.T) {
	rules, err := parseRules("r", strings.NewReader(`-A -t 10.0.0.1:80
-L -n
-t 10.0.0.1:80 -A
-a -t 10.0.0.1:80 -r 10.0.0.2 -m
-A --bogus
-R
-h
-A -t nosuch:80
-C -n
`), testNames())
	if err == nil || rules != nil {
		t.Fatalf("%+v", rules)
	}
	for i, want := range []string{
		"r:2: -L changes nothing: remove the line",
		"r:3: the line names no command, such as -A or -a",
		"r:4: -m: a director for direct routing does not translate",
		"r:5: --bogus: unknown option",
		"r:6: -R changes nothing: remove the line",
		"r:7: -h changes nothing: remove the line",
		"r:8: illegal virtual server address[:port] specified",
		"r:9: Illegal 'numeric' option with the 'flush' command",
	} {
		if got := strings.Split(err.Error(), "\n"); len(got) != 8 || !strings.HasPrefix(got[i], want) {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
	_, err = parseRules("r", strings.NewReader(strings.Repeat("?\n", 100)), testNames())
	if n := strings.Count(err.Error(), "\n") + 1; n != maxMistakes {
		t.Errorf("%d mistakes are told, want %d", n, maxMistakes)
	}
	_, err = parseRules("r", strings.NewReader("-C\n"+strings.Repeat("x", maxLine+1)), testNames())
	if err == nil || err.Error() != "r:2: a line is longer than 65536 bytes" {
		t.Error(err)
	}
	_, err = parseRules("r", iotest.ErrReader(errors.New("is a directory")), testNames())
	if err == nil || err.Error() != "r:1: read the lines: is a directory" {
		t.Error(err)
	}
}
