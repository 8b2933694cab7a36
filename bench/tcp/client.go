package tcp

import (
	"context"
	"net/netip"
	"time"
)

// asker asks web servers for a short page, over and over.
type asker interface {
	name() string
	// ask does so on some connections at once for about a time. With anew, each
	// request has a connection of its own.
	ask(ctx context.Context, to netip.AddrPort, connections int, length time.Duration, anew bool) (outcome, error)
}

// uploader sends as much as it can on one connection.
type uploader interface {
	name() string
	upload(ctx context.Context, to netip.Addr, length time.Duration) (outcome, error)
}

// outcome is what became of a load.
type outcome struct {
	done   uint64 // requests that were answered, bytes that arrived
	failed uint64 // requests that were not; 1 for an upload that did not arrive as it was sent
	time   time.Duration
	why    string // what went wrong first, if something did
}

// failure is the outcome of a load of which nothing is known but that it failed.
func failure(why string, length time.Duration) outcome {
	return outcome{failed: 1, time: length, why: why}
}

// rate is what was done in a second.
func (o *outcome) rate() float64 { return float64(o.done) / o.time.Seconds() }

// wholeSeconds rounds a time up, for programs that know no others.
func wholeSeconds(t time.Duration) int { return int((t + time.Second - 1) / time.Second) }
