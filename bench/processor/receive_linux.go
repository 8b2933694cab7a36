package processor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"lvsdr/lab"
)

// PollInThread has the kernel receive on a host's interface in a thread (NAPI,
// Documentation/networking/napi.rst) and returns that thread's number. The first 10
// bytes of the interface's name are unique on the machine: the thread is named after
// them.
func PollInThread(h *lab.Host, name string) (thread int, err error) {
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
		if err == nil && receives(strings.TrimSuffix(string(comm), "\n"), name) {
			return strconv.Atoi(filepath.Base(filepath.Dir(path)))
		}
	}
	return 0, fmt.Errorf("receive on %s in a thread: there is none of that name", name)
}

// commLength is how much of a kernel thread's name /proc tells before Linux 5.17
// (TASK_COMM_LEN of linux/sched.h, without the 0 at its end).
const commLength = 15

// receives tells by a thread's name whether it receives on the interface.
func receives(comm, name string) bool {
	prefix := "napi/" + name + "-"
	return strings.HasPrefix(comm, prefix) || len(prefix) > commLength && comm == prefix[:commLength]
}

// Steer has the kernel receive on a host's interface on some processors, chosen by
// flow, where a veth would on that of the sender (receive packet steering,
// Documentation/networking/scaling.rst). It is as if the interface interrupted them.
func Steer(h *lab.Host, name string, set unix.CPUSet) error {
	err := h.Do(func() error {
		file := filepath.Join("/sys/class/net", name, "queues/rx-0/rps_cpus")
		return os.WriteFile(file, []byte(mask(set)), 0)
	})
	if err != nil {
		return fmt.Errorf("receive on %s on other processors (RPS, CONFIG_RPS): %w", name, err)
	}
	return nil
}

// mask is a set as the kernel reads it: groups of 32 processors in hexadecimal, the
// highest first.
func mask(set unix.CPUSet) string {
	const group = 32
	groups := make([]uint32, 1)
	for i, left := 0, set.Count(); left > 0; i++ {
		if i/group >= len(groups) {
			groups = append(groups, 0)
		}
		if set.IsSet(i) {
			groups[i/group] |= 1 << (i % group)
			left--
		}
	}
	var b strings.Builder
	for i := len(groups) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "%08x,", groups[i])
	}
	return strings.TrimSuffix(b.String(), ",")
}
