package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"lvsdr/lab"
)

// TestMain puts programs `director` and `ipvsadm` into PATH while the tests
// run: this test binary, which is the director when it is called by one of them. Scripts and
// LAN tests start the real command line with it.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"director": main, "ipvsadm": main, "without-nftables": withoutNFTables,
	})
}

// leakChecked fails a run of tests that leaves goroutines behind.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	code := m.M.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// directorCommand prepares `director ARGS` to run on a host of a lab.
func directorCommand(ctx context.Context, host *lab.Host, args ...string) *lab.Process {
	return host.Command(ctx, "director", args...)
}

// runDirector runs a command line in this process.
func runDirector(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = execute(newRootCommand(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits is the script command `exits CODE PROGRAM ARGS...`: exec and ! exec
// do not tell 1 from 2.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := err.(interface{ ExitCode() int }); ok {
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}
