package latency

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// nice is the niceness of the client's thread (setpriority(2)): that of a director's
// worker. What other programs take from it would be in all figures.
const nice = -10

// preferred runs fn with precedence, on the calling thread, to which its goroutine
// is locked. The thread needs CAP_SYS_NICE, or RLIMIT_NICE.
func preferred(fn func() error) error {
	thread := unix.Gettid()
	told, err := unix.Getpriority(unix.PRIO_PROCESS, thread)
	if err != nil {
		return fmt.Errorf("read niceness: %w", err)
	}
	before := 20 - told // as the system call tells it
	if err := unix.Setpriority(unix.PRIO_PROCESS, thread, nice); err != nil {
		return fmt.Errorf("niceness %d: %w", nice, err)
	}
	return errors.Join(fn(), unix.Setpriority(unix.PRIO_PROCESS, thread, before))
}
