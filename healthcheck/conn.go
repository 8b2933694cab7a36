package healthcheck

import (
	"context"
	"net"
	"time"
)

// connect dials and returns a connection that stops waiting when ctx is done.
// Close it: that also lets go of ctx.
func connect(ctx context.Context, dial DialFunc, network, address string) (net.Conn, error) {
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return watch(ctx, conn), nil
}

// watch makes a connection stop waiting when ctx is done.
func watch(ctx context.Context, conn net.Conn) *watched {
	// A deadline in the past ends what the connection is waiting for.
	return &watched{conn, context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })}
}

// watched is a connection whose deadline is a context's end.
type watched struct {
	net.Conn
	stop func() bool
}

// release lets go of the context and reports whether the connection is still
// usable.
func (w *watched) release() bool { return w.stop() }

func (w *watched) Close() error {
	w.stop()
	return w.Conn.Close()
}
