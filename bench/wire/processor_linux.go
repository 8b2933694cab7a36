package wire

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/lab"
)

// processors says which of the machine's processors do what.
type processors struct {
	generator, peer int
	apart           bool // they are two
}

// chooseProcessors takes the first and the last that this process may use.
func chooseProcessors() (processors, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return processors{}, fmt.Errorf("find processors: %w", err)
	}
	p := processors{generator: -1}
	for i := range len(set) * 64 {
		if !set.IsSet(i) {
			continue
		}
		if p.generator < 0 {
			p.generator = i
		}
		p.peer = i
	}
	p.apart = p.generator != p.peer
	return p, nil
}

// pin keeps a thread on one processor; thread 0 is the calling one.
func pin(thread, processor int) error {
	var set unix.CPUSet
	set.Set(processor)
	if err := unix.SchedSetaffinity(thread, &set); err != nil {
		return fmt.Errorf("pin thread %d to processor %d: %w", thread, processor, err)
	}
	return nil
}

// pinned runs fn on a thread that stays on one processor. The goroutine's thread
// is its own until fn returns.
func pinned(processor int, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("find processors: %w", err)
	}
	if err := pin(0, processor); err != nil {
		return err
	}
	err := fn()
	return errors.Join(err, unix.SchedSetaffinity(0, &before))
}

// threadsOf lists the threads of a process.
func threadsOf(process int) ([]int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", process))
	if err != nil {
		return nil, fmt.Errorf("list threads: %w", err)
	}
	threads := make([]int, 0, len(entries))
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			threads = append(threads, id)
		}
	}
	return threads, nil
}

// timeOf returns how long a thread has run (Documentation/scheduler/sched-stats.rst).
// One that has ended has not: 0.
func timeOf(thread int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", thread))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 1 {
		return 0, fmt.Errorf("read processor time: schedstat of thread %d is %q", thread, text)
	}
	ns, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(ns), nil
}

// timeOfAll adds up the time of threads.
func timeOfAll(threads []int) (sum time.Duration, err error) {
	for _, thread := range threads {
		t, err := timeOf(thread)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// pollInThread has the kernel receive on a host's interface in a thread (NAPI,
// Documentation/networking/napi.rst) and returns that thread's number. The
// interface's name is unique on the machine: the thread is named after it.
func pollInThread(h *lab.Host, name string) (thread int, err error) {
	err = h.Do(func() error {
		return os.WriteFile(filepath.Join("/sys/class/net", name, "threaded"), []byte("1"), 0)
	})
	if err != nil {
		return 0, fmt.Errorf("receive on %s in a thread (threaded NAPI, Linux 5.12): %w", name, err)
	}
	paths, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		comm, err := os.ReadFile(path)
		if err == nil && bytes.HasPrefix(comm, []byte("napi/"+name+"-")) {
			return strconv.Atoi(filepath.Base(filepath.Dir(path)))
		}
	}
	return 0, fmt.Errorf("receive on %s in a thread: there is none of that name", name)
}
