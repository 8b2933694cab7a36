package tcp

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lvsdr/bench/peer"
	"lvsdr/lab"
)

// wrk is the client of that name (github.com/wg/wrk).
type wrk struct {
	path    string
	from    *lab.Host
	threads int
}

// newWrk returns an error that wraps bench.ErrSkip where there is none.
func newWrk(from *lab.Host, threads int) (asker, error) {
	path, err := peer.FindProgram("wrk", "wrk")
	if err != nil {
		return nil, err
	}
	return &wrk{path, from, threads}, nil
}

func (w *wrk) name() string { return "wrk" }

func (w *wrk) ask(ctx context.Context, to netip.AddrPort, connections int, length time.Duration, anew bool) (outcome, error) {
	args := []string{
		"-t", strconv.Itoa(min(w.threads, connections)), "-c", strconv.Itoa(connections),
		"-d", fmt.Sprintf("%ds", wholeSeconds(length)),
	}
	if anew {
		args = append(args, "-H", "Connection: close")
	}
	p := w.from.Command(ctx, w.path, append(args, fmt.Sprintf("http://%v/", to))...)
	err := p.Run()
	switch {
	case ctx.Err() != nil:
		return outcome{}, context.Cause(ctx)
	case err != nil && strings.Contains(p.Output(), "unable to connect"): // at its start
		return failure("wrk was unable to connect", length), nil
	case err != nil:
		return outcome{}, err
	}
	return parseWrk(p.Stdout())
}

// What wrk prints; lines about failures are there only if there were some.
var (
	wrkDone   = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([0-9.]+)(us|ms|s|m|h),`)
	wrkErrors = regexp.MustCompile(`(?m)^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$`)
	wrkStatus = regexp.MustCompile(`(?m)^\s*Non-2xx or 3xx responses: (\d+)$`)
)

// parseWrk reads wrk's report. Answers of another status are among its requests.
func parseWrk(text string) (o outcome, err error) {
	m := wrkDone.FindStringSubmatch(text)
	if m == nil {
		return o, fmt.Errorf("wrk printed no number of requests: %s", text)
	}
	if o.time, err = time.ParseDuration(m[2] + m[3]); err != nil || o.time <= 0 {
		return o, fmt.Errorf("wrk printed a time of %q", m[2]+m[3])
	}
	answered, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		return o, fmt.Errorf("wrk printed %q requests: %w", m[1], err)
	}
	errors, status := wrkErrors.FindStringSubmatch(text), wrkStatus.FindStringSubmatch(text)
	wrong := sum(status)
	o.done = answered - min(wrong, answered)
	o.failed = wrong + sum(errors)
	for _, line := range [][]string{status, errors} {
		if sum(line) > 0 {
			o.why = "wrk: " + strings.TrimSpace(line[0])
		}
	}
	return o, nil
}

// sum adds up what the groups of a match found; those are digits.
func sum(match []string) (n uint64) {
	for i := 1; i < len(match); i++ {
		v, _ := strconv.ParseUint(match[i], 10, 64)
		n += v
	}
	return n
}
