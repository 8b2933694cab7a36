package healthcheck

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// messageLimit keeps what a server sent from filling logs.
const messageLimit = 200

// describe turns a probe's error into one line that names the cause first:
// what an operator looks for is "connect: connection refused", not the layers
// above it.
func describe(err error, after time.Duration) string {
	var at *stageError
	if errors.As(err, &at) {
		return at.stage + ": " + describe(at.err, after)
	}
	var call *os.SyscallError
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer within " + after.Round(time.Millisecond).String()
	case errors.Is(err, context.Canceled):
		return "stopped"
	case errors.As(err, &call) && errors.As(err, &errno):
		return call.Syscall + ": " + errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed before the answer was complete"
	}
	return oneLine(err.Error())
}

// stageError is an error of a later part of a probe, which people should know.
type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }

func (e *stageError) Unwrap() error { return e.err }

// during returns err, if it is one, as that of a stage.
func during(stage string, err error) error {
	if err == nil {
		return nil
	}
	return &stageError{stage, err}
}

// oneLine makes printable and short what may quote a server.
func oneLine(text string) string {
	if len(text) > messageLimit {
		text = strings.ToValidUTF8(text[:messageLimit], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '.'
	}, text)
}
