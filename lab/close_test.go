package lab_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lvsdr/lab"
)

// usage is what a lab could leave behind in this process.
type usage struct{ namespaces, files, threads int }

func (u usage) within(limit usage) bool {
	return u.namespaces <= limit.namespaces && u.files <= limit.files && u.threads <= limit.threads
}

func measure(t *testing.T) usage {
	t.Helper()
	var u usage
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	u.files = len(files)
	known := map[string]bool{}
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	u.threads = len(tasks)
	for _, path := range append(tasks, files...) {
		if target, err := os.Readlink(path); err == nil && strings.HasPrefix(target, "net:[") {
			known[target] = true
		}
	}
	u.namespaces = len(known)
	return u
}

// waitFor polls: no event tells that a thread has ended.
func (u usage) waitFor(t *testing.T, what string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		now := measure(t)
		if now.within(u) {
			return
		}
		if time.Since(began) > soon {
			t.Fatalf("%s: %+v remain, were %+v", what, now, u)
		}
	}
}

// busy builds a LAN in which everything is in use.
func busy(t *testing.T, l *lab.Lab) {
	t.Helper()
	client, server, lan := l.Host("client"), l.Host("server"), l.Switch("lan")
	link := l.Connect(client, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24")})
	l.Connect(server, lan, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24")})
	link.Capture()
	serveEcho(t, server, "192.0.2.2:7")
	if _, err := server.Listen("tcp", "192.0.2.2:80"); err != nil {
		t.Fatal(err)
	}
	if err := server.Command(t.Context(), "sleep", "60").Start(); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { _ = client.Do(func() error { time.Sleep(time.Millisecond); return nil }) })
	}
	both.Wait()
	client.HTTPClient()
}

func TestLANNothingLeft(t *testing.T) {
	lab.ForTest(t) // skips, and has started what the runtime keeps
	warm := func() {
		l, err := lab.New()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		busy(t, l)
		if err := errors.Join(l.Err(), l.Close()); err != nil {
			t.Fatal(err)
		}
	}
	warm()
	before := measure(t)
	before.threads += 2 // the runtime's own may come and go
	for range 3 {
		warm()
	}
	before.waitFor(t, "after Close")
}

// fakeTB stands in for a test that fails or panics.
type fakeTB struct {
	mu       sync.Mutex
	messages []string
	cleanups []func()
	failed   bool
	skipped  bool
}

func (f *fakeTB) Helper() {}
func (f *fakeTB) log(format string, args []any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}
func (f *fakeTB) Logf(format string, args ...any)   { f.log(format, args) }
func (f *fakeTB) Errorf(format string, args ...any) { f.failed = true; f.log(format, args) }
func (f *fakeTB) Skipf(format string, args ...any) {
	f.skipped = true
	f.log(format, args)
	runtime.Goexit()
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}
func (f *fakeTB) Failed() bool      { return f.failed }
func (f *fakeTB) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }

// run runs a test with it, as package testing would: cleanups run whatever
// happens.
func (f *fakeTB) run(test func()) (panicked any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			panicked = recover()
			for i := len(f.cleanups) - 1; i >= 0; i-- {
				f.cleanups[i]()
			}
		}()
		test()
	}()
	<-done
	return panicked
}

func TestLANPanicLeavesNothing(t *testing.T) {
	l := lab.ForTest(t)
	busy(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	before := measure(t)
	before.threads += 2
	f := &fakeTB{}
	panicked := f.run(func() {
		l := lab.ForTest(f)
		busy(t, l)
		_ = l.Host("other").Do(func() error { panic("on the host's thread") })
	})
	if panicked == nil || !strings.Contains(fmt.Sprint(panicked), "on the host's thread") {
		t.Errorf("the panic was lost: %v", panicked)
	}
	before.waitFor(t, "after a panic")
}

func TestLANErrorsFailTheTest(t *testing.T) {
	lab.ForTest(t)
	f := &fakeTB{}
	f.run(func() {
		l := lab.ForTest(f)
		h := l.Host("h")
		if err := h.Command(t.Context(), "echo", "a last word").Run(); err != nil {
			t.Error(err)
		}
		h.SetSysctl("net.ipv4.does_not_exist", "1")
		t.Error("the test went on")
	})
	text := strings.Join(f.messages, "\n")
	if !f.failed || !strings.Contains(text, "close_test.go:") || !strings.Contains(text, "does_not_exist") {
		t.Errorf("the test was told %q", text)
	}
	if !strings.Contains(text, "a last word") {
		t.Errorf("the program's output is missing in %q", text)
	}
}

func TestLANErrorsOutsideTests(t *testing.T) {
	lab.ForTest(t)
	l, err := lab.New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := l.Host("h")
	h.SetSysctl("net.ipv4.does_not_exist", "1")
	h.Interface("eth9").Down()
	if err := l.Err(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "h/eth9: set down") {
		t.Errorf("errors: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	count := len(strings.Split(l.Err().Error(), "\n"))
	late := l.Host("late")
	link := l.Connect(late, l.Switch("late too"))
	link.Down()
	link.Capture().Frames()
	link.Drop(lab.Match{}).Remove()
	if err := late.Do(func() error { return nil }); err == nil {
		t.Error("a closed lab makes hosts")
	}
	if now := len(strings.Split(l.Err().Error(), "\n")); now != count+2 {
		t.Errorf("want one error for each node made too late:\n%v", l.Err())
	}
}

func TestLANFatalInsideDo(t *testing.T) {
	h := lab.ForTest(t).Host("h")
	f := &fakeTB{}
	f.run(func() {
		_ = h.Do(func() error { f.Fatalf("inside"); return nil })
		t.Error("the test went on")
	})
	if !f.failed {
		t.Error("not failed")
	}
	if err := h.Do(func() error { return nil }); err != nil {
		t.Error(err)
	}
}
