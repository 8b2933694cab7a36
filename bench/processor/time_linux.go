package processor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

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

// Time adds up the time of threads.
func Time(threads []int) (sum time.Duration, err error) {
	for _, thread := range threads {
		t, err := timeOf(thread)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// tick is the unit of /proc/stat: USER_HZ is 100 on all of Linux's machines but
// Alpha and IA-64.
const tick = 10 * time.Millisecond

// Idle returns how long a processor had nothing to do since the machine's start, in
// steps of 10 ms (proc_stat(5): idle and iowait).
func Idle(processor int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read idle time: %w", err)
	}
	name := fmt.Sprintf("cpu%d", processor)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] != name {
			continue
		}
		idle, err := strconv.ParseInt(fields[4], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read idle time: %w", err)
		}
		waiting, err := strconv.ParseInt(fields[5], 10, 64)
		return time.Duration(idle+waiting) * tick, err
	}
	return 0, fmt.Errorf("read idle time: /proc/stat has no %s", name)
}
