package healthcheck

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// describe turns a probe's error into one line that names the cause first:
// what an operator reads is "connection refused", not three layers of dialling.
func describe(err error, after time.Duration) string {
	var errno syscall.Errno
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer within " + after.Round(time.Millisecond).String()
	case errors.Is(err, context.Canceled):
		return "stopped"
	case errors.As(err, &op) && errors.As(err, &errno):
		return op.Op + ": " + errno.Error()
	}
	return err.Error()
}
