package latency

import (
	"context"
	"net/netip"
	"time"

	"lvsdr/bench"
)

// How a client waits.
const (
	patience = time.Second // the default of its field
	// early is how long before a datagram is due one that sleeps wakes up: timers
	// are late by 50 µs (prctl(2), PR_SET_TIMERSLACK) and the time to wake up, which
	// would count as the round trip's.
	early = 150 * time.Microsecond
	// lookEvery is how many turns of a client that does not sleep pass between two
	// looks at its context.
	lookEvery = 256
)

// trips are what a client found in one trial.
type trips struct {
	took histogram
	sent uint64
	lost uint64
	// patience is how long the client waited for a lost one.
	patience time.Duration
}

// readings are the percentiles of all datagrams that were sent, and the longest, in
// µs. A lost one took as long as the client waited for it: left out, it would make
// its peer look faster.
func (t *trips) readings() []bench.Reading {
	all := newHistogram()
	all.add(t.took)
	all.recordMany(t.patience, t.lost)
	return all.readings()
}

// client sends datagrams and takes the answers. It belongs to one thread.
type client struct {
	socket *socket
	sleeps bool   // while it waits, instead of looking again and again
	first  uint64 // number of the next trial's first datagram: none comes twice
	// patience is how long a datagram may take before it counts as lost.
	patience time.Duration
}

// newClient opens its socket in the calling thread's network.
func newClient(from, to netip.AddrPort) (*client, error) {
	s, err := openSocket(from, to)
	if err != nil {
		return nil, err
	}
	return &client{socket: s, patience: patience}, nil
}

// run is one trial: datagrams one after the other for a length of time, or one at
// each tick if every is not 0. A client with something to do between them, which is
// short, does not sleep; nil is nothing. Errors are those of the socket, and the
// context's.
func (c *client) run(ctx context.Context, every, length time.Duration, between func()) (*trips, error) {
	found := &trips{took: newHistogram(), patience: c.patience}
	plan := newSchedule(every, length, c.patience)
	start := time.Now()
	for turn := 0; !plan.over(time.Since(start)); turn++ {
		if (c.sleeps || turn%lookEvery == 0) && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if number, due := plan.next(time.Since(start)); due {
			if err := c.socket.send(c.first + number); err != nil {
				return nil, err
			}
		}
		waits, err := c.take(start, plan, found)
		switch {
		case err != nil:
			return nil, err
		case between != nil:
			between()
		case waits && c.sleeps:
			if left := plan.wake() - time.Since(start); left > early {
				if err := c.socket.wait(left - early); err != nil {
					return nil, err
				}
			}
		}
	}
	c.first += plan.sent
	found.sent, found.lost = plan.sent, plan.lost
	return found, nil
}

// take takes one answer; if there is none, the client waits.
func (c *client) take(start time.Time, plan *schedule, found *trips) (waits bool, err error) {
	number, ago, ok, err := c.socket.receive()
	if err != nil || !ok {
		return true, err
	}
	if took, known := plan.answered(number-c.first, time.Since(start)-ago); known {
		found.took.record(took)
	}
	return false, nil
}

func (c *client) close() error { return c.socket.close() }
