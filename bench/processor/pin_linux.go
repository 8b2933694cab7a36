package processor

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Pin keeps a thread on one processor; thread 0 is the calling one.
func Pin(thread, processor int) error {
	var set unix.CPUSet
	set.Set(processor)
	if err := unix.SchedSetaffinity(thread, &set); err != nil {
		return fmt.Errorf("pin thread %d to processor %d: %w", thread, processor, err)
	}
	return nil
}

// Pinned runs fn on a thread that stays on one processor. The goroutine's thread
// is its own until fn returns.
func Pinned(processor int, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("find processors: %w", err)
	}
	if err := Pin(0, processor); err != nil {
		return err
	}
	err := fn()
	return errors.Join(err, unix.SchedSetaffinity(0, &before))
}

// PinProcess keeps a process on one processor, with the threads that it has now and
// those that these start.
func PinProcess(process, processor int) error {
	var set unix.CPUSet
	set.Set(processor)
	return pinThreads(process, &set)
}

// Confine keeps this process, and the programs that it starts from now on, off the
// peer's processor, if there is another. The function that it returns ends that.
func (s Split) Confine() (restore func() error, err error) {
	if !s.Apart {
		return func() error { return nil }, nil
	}
	set := s.Loads()
	restore = func() error { return pinThreads(os.Getpid(), &s.all) }
	if err := pinThreads(os.Getpid(), &set); err != nil {
		return nil, errors.Join(err, restore())
	}
	return restore, nil
}

// pinThreads goes through a process's threads until there is no new one: a thread
// has the processors of the one that started it.
func pinThreads(process int, set *unix.CPUSet) error {
	pinned := make(map[int]bool)
	for found := true; found; {
		found = false
		threads, err := Threads(process)
		if err != nil {
			return err
		}
		for _, thread := range threads {
			if pinned[thread] {
				continue
			}
			if err := unix.SchedSetaffinity(thread, set); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("choose processors for thread %d: %w", thread, err)
			}
			pinned[thread], found = true, true
		}
	}
	return nil
}

// Threads lists the threads of a process.
func Threads(process int) ([]int, error) {
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
