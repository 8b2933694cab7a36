package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// TB is what ForTest needs of testing.TB, so that programs which use labs do
// not contain package testing.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// ForTest returns a lab that is closed when the test ends, also by a panic.
// Errors of building and breaking fail the test at once, with the test's line.
// Without the privilege the test is skipped, or fails if CI is "true". When a
// test fails, what the programs printed is logged.
func ForTest(tb TB) *Lab {
	tb.Helper()
	l, err := New()
	switch {
	case errors.Is(err, ErrPrivilege) && os.Getenv("CI") != "true":
		tb.Skipf("%v: run the test as root, or after `unshare --user --map-root-user --net --mount`", err)
	case err != nil:
		tb.Fatalf("%v", err)
	}
	if l == nil {
		return &Lab{closed: true} // only where Skipf or Fatalf return
	}
	l.report = func(err error) { tb.Fatalf("%s%v", caller(), err) }
	tb.Cleanup(func() {
		if tb.Failed() {
			l.logOutput(tb)
		}
		if err := l.Close(); err != nil {
			tb.Errorf("%v", err)
		}
	})
	return l
}

// logOutput logs the end of what each program printed.
func (l *Lab) logOutput(tb TB) {
	const most = 4000
	l.mu.Lock()
	procs := l.procs
	l.mu.Unlock()
	for _, p := range procs {
		text := p.Output()
		if len(text) > most {
			text = "…" + text[len(text)-most:]
		}
		tb.Logf("%s (exit code %d) printed:\n%s", p, p.ExitCode(), text)
	}
}

// caller names the line outside of this package that called into it: the
// error belongs there.
func caller() string {
	var counters [32]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters[:])])
	for {
		frame, more := frames.Next()
		if !strings.Contains(frame.Function, "lvsdr/lab.") || strings.HasSuffix(frame.File, "_test.go") {
			return fmt.Sprintf("%s:%d: ", frame.File[strings.LastIndexByte(frame.File, '/')+1:], frame.Line)
		}
		if !more {
			return ""
		}
	}
}
