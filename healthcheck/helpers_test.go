package healthcheck

import (
	"context"
	"io"
	"log"
	"testing"
	"time"
)

// timeout is the context of one probe.
func timeout(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
