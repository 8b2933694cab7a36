package lab

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// thread is one OS thread that runs closures one after the other. A goroutine
// is locked to it for good, so the thread, and what belongs to it (namespaces,
// and the parent-death signal of processes it forked), ends when the goroutine
// does.
type thread struct {
	jobs chan *job
}

// job is a closure and how it ended.
type job struct {
	fn       func() error
	done     chan struct{}
	err      error
	panicked *threadPanic
	exited   bool // by runtime.Goexit, as t.Fatal does
}

// threadPanic carries a closure's panic to the goroutine that asked for it.
type threadPanic struct {
	value any
	stack []byte
}

func (p *threadPanic) Error() string {
	return fmt.Sprintf("%v\n\nin a host's thread:\n%s", p.value, p.stack)
}

// startThread returns a thread on which enter succeeded.
func startThread(enter func() error) (*thread, error) {
	t := &thread{jobs: make(chan *job)}
	go t.lock(make(chan struct{}))
	if err := t.run(enter); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// lock locks the goroutine to its thread. The process's main thread will not
// do: it outlives its goroutine, and /proc/self is its view of the system. So
// it is held here until another goroutine has found itself another thread.
func (t *thread) lock(locked chan<- struct{}) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		close(locked)
		t.loop()
		return
	}
	elsewhere := make(chan struct{})
	go t.lock(elsewhere)
	<-elsewhere
	runtime.UnlockOSThread()
	close(locked)
}

func (t *thread) loop() {
	for j := range t.jobs {
		j.do()
	}
}

func (j *job) do() {
	j.exited = true
	defer close(j.done)
	defer func() {
		if v := recover(); v != nil {
			j.panicked = &threadPanic{v, debug.Stack()}
		}
	}()
	j.err = j.fn()
	j.exited = false
}

// run runs fn on the thread and returns its error. A panic or a Goexit in fn
// goes on in the caller; the thread is of no use afterwards, and clean is false
// then.
func (t *thread) run(fn func() error) error {
	j := t.start(fn)
	return j.finish()
}

func (t *thread) start(fn func() error) *job {
	j := &job{fn: fn, done: make(chan struct{})}
	t.jobs <- j
	<-j.done
	return j
}

// clean reports whether the thread can take another job.
func (j *job) clean() bool { return j.panicked == nil && !j.exited }

func (j *job) finish() error {
	if j.panicked != nil {
		panic(j.panicked)
	}
	if j.exited {
		runtime.Goexit()
	}
	return j.err
}

// stop ends the thread. No run may follow.
func (t *thread) stop() { close(t.jobs) }
