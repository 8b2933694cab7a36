package program

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOutlivesThreads: a program goes on when threads of this process end.
func TestOutlivesThreads(t *testing.T) {
	var programs, threads sync.WaitGroup
	for range 20 {
		programs.Go(func() {
			if err := Run(t.Context(), exec.Command("/bin/sleep", "0.3"), nil); err != nil {
				t.Error(err)
			}
		})
		for range 5 {
			threads.Go(func() { runtime.LockOSThread() }) // never unlocked: the thread ends
		}
	}
	threads.Wait()
	programs.Wait()
}

// TestInheritsNothing: a program does not get the files that this process was given
// open.
func TestInheritsNothing(t *testing.T) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // not close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	output := &Output{Limit: 100}
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf("test -e /proc/self/fd/%d && echo inherited || echo not", fd))
	cmd.Stdout = output
	if err := Run(t.Context(), cmd, nil); err != nil || output.FirstLine() != "not" {
		t.Errorf("%q, %v", output.FirstLine(), err)
	}
}
