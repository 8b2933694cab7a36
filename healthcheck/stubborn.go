package healthcheck

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// endWithin is how long a probe may take to end when its time is over.
const endWithin = time.Second

var errStuck = errors.New("the last probe does not end, and cannot be ended: a file system that hangs?")

// stubborn is for probes that may outlast their time, whatever is done about it: a
// process that waits for a file system that hangs does not even die of SIGKILL. The
// server fails then, and is asked again when the probe has ended.
type stubborn struct {
	stuck atomic.Int32 // probes that nobody waits for any more
}

// free returns errStuck while there is such a probe.
func (s *stubborn) free() error {
	if s.stuck.Load() > 0 {
		return errStuck
	}
	return nil
}

// await runs fn, on another goroutine, and returns when it has ended. It returns
// errStuck if fn does not end by endWithin after ctx; what fn sets must not be
// looked at then.
func (s *stubborn) await(ctx context.Context, fn func()) error {
	ended, left := make(chan struct{}), make(chan struct{})
	go func() {
		fn()
		select {
		case ended <- struct{}{}:
		case <-left:
			s.stuck.Add(-1)
		}
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	late := time.NewTimer(endWithin)
	defer late.Stop()
	select {
	case <-ended:
		return nil
	case <-late.C:
		s.stuck.Add(1)
		close(left)
		return errStuck
	}
}
