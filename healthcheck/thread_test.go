package healthcheck

import (
	"net/netip"
	"runtime"
	"sync"
	"testing"
)

// TestExecOutlivesThreads: a program goes on when threads of this process end, as
// those of workers do: the kernel takes the end of the thread that has started it
// for the end of this process (prctl(2), PR_SET_PDEATHSIG).
func TestExecOutlivesThreads(t *testing.T) {
	s := spec("exec")
	s.Command, s.User = JoinCommand([]string{"/bin/sleep", "0.3"}), whoami(t)
	c, err := New(s, Target{Addr: netip.MustParseAddr("127.0.0.1")}, Way{})
	if err != nil {
		t.Fatal(err)
	}
	var programs, threads sync.WaitGroup
	for range 20 {
		programs.Go(func() {
			ctx, cancel := timeout(t, s.Timeout)
			defer cancel()
			if r := c.Check(ctx); !r.OK {
				t.Error(r.Message)
			}
		})
		for range 5 {
			threads.Go(func() { runtime.LockOSThread() }) // never unlocked: the thread ends
		}
	}
	threads.Wait()
	programs.Wait()
}
