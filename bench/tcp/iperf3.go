package tcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lvsdr/bench/peer"
	"lvsdr/lab"
)

// iperf3 is the client of that name, against its own server.
type iperf3 struct {
	path string
	from *lab.Host
}

// newIperf3 starts the server, and returns the client. An error that wraps
// bench.ErrSkip says that there is none.
func newIperf3(ctx context.Context, from, server *lab.Host) (uploader, error) {
	path, err := peer.FindProgram("iperf3", "iperf3")
	if err != nil {
		return nil, err
	}
	p := server.Command(context.WithoutCancel(ctx), path, "--server", "--port", strconv.Itoa(iperfPort), "--forceflush")
	if err := p.Start(); err != nil {
		return nil, err
	}
	if _, err := p.WaitOutput(ctx, "Server listening"); err != nil {
		return nil, err
	}
	return &iperf3{path, from}, nil
}

func (i *iperf3) name() string { return "iperf3" }

// How often a test is tried, and how long after the last time: the server may be busy
// for a moment after the one before.
const (
	iperfTries = 5
	iperfPause = 200 * time.Millisecond
)

func (i *iperf3) upload(ctx context.Context, to netip.Addr, length time.Duration) (outcome, error) {
	for try := 1; ; try++ {
		p := i.from.Command(ctx, i.path, "--client", to.String(), "--port", strconv.Itoa(iperfPort),
			"--time", strconv.Itoa(wholeSeconds(length)), "--json", "--connect-timeout", "2000")
		err := p.Run()
		switch {
		case ctx.Err() != nil:
			return outcome{}, context.Cause(ctx)
		case err != nil && strings.Contains(p.Stdout(), "busy") && try < iperfTries:
			if err := pause(ctx, iperfPause); err != nil {
				return outcome{}, err
			}
			continue
		}
		return parseIperf3(p.Stdout(), err, length)
	}
}

// pause returns after some time, or with the context's cause.
func pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// inFlight is how much of what was sent the server may not have read when the time
// is over: what the sockets on the way hold, those of a proxy included.
const inFlight = 64 << 20

// parseIperf3 reads iperf3's report. A test that did not end well is a failure, not
// an error.
func parseIperf3(text string, failed error, length time.Duration) (outcome, error) {
	var report struct {
		Error string `json:"error"`
		End   struct {
			Sent     struct{ Bytes uint64 } `json:"sum_sent"`
			Received struct {
				Bytes   uint64
				Seconds float64
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		return outcome{}, errors.Join(fmt.Errorf("iperf3 printed no report: %w: %s", err, text), failed)
	}
	sent, received := report.End.Sent.Bytes, report.End.Received
	o := outcome{done: received.Bytes, time: time.Duration(received.Seconds * float64(time.Second))}
	switch {
	case report.Error != "":
		return failure("iperf3: "+report.Error, length), nil
	case failed != nil:
		return failure(failed.Error(), length), nil
	case o.time <= 0 || received.Bytes > sent || sent-received.Bytes > inFlight:
		return failure(fmt.Sprintf("iperf3: of %d bytes %d arrived", sent, received.Bytes), length), nil
	}
	return o, nil
}
