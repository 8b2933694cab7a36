package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link/afpacket"
)

// nice is the niceness of a worker's thread (setpriority(2)): nine tenths of a
// processor where a thread of niceness 0 wants all of it, too.
const nice = -10

// PreferThread raises the priority of the calling thread, to which its goroutine must
// be locked. What a worker shares a processor with is the kernel's receiving, which
// would go on to fill a ring that nobody empties; with precedence, frames that are too
// many are lost before they cost anything. A worker that spins never sleeps, would
// not let the kernel receive at all, and stays as it is.
//
// It needs CAP_SYS_NICE, or RLIMIT_NICE.
func PreferThread(poll afpacket.Poll) error {
	if poll == afpacket.PollSpin {
		return nil
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), nice); err != nil {
		return fmt.Errorf("niceness %d: %w", nice, err)
	}
	return nil
}
