package latency

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"lvsdr/dataplane/link/afpacket"
)

// Defaults of Options. A run takes some five minutes with them.
const (
	DefaultEvery  = time.Millisecond
	DefaultTime   = time.Second
	DefaultRounds = 5
)

// Options say what to measure. The zero value has all defaults.
type Options struct {
	// Program is the director's executable; the peer is skipped without it.
	Program string
	Peers   []string // by name; default: all
	Polls   []string // how the director and the forwarder wait: `poll` of director.yaml; default: Polls

	Every  time.Duration // between two datagrams where they have a pace; default: DefaultEvery
	Shares []float64     // of the load that a peer carries, 0 to 1, that it carries beside; default: DefaultShares
	Time   time.Duration // of one trial; default: DefaultTime
	Rounds int           // default: DefaultRounds

	// Sleep: the client sleeps while it waits for an answer.
	Sleep bool
	// Steer: the kernel receives for a peer on the peer's processor, not on that of
	// the sender.
	Steer bool
}

// DefaultShares are the loads.
func DefaultShares() []float64 { return []float64{0.5, 0.9} }

// Polls are all ways to wait.
func Polls() []string {
	return []string{string(afpacket.PollBlock), string(afpacket.PollAdaptive), string(afpacket.PollSpin)}
}

// Quick are the options of a run that shows that all works.
func Quick() Options {
	return Options{Shares: []float64{0.5}, Time: 50 * time.Millisecond, Rounds: 1}
}

// Validate finds mistakes.
func (o Options) Validate() error { return o.complete() }

// complete fills in the defaults, and finds mistakes.
func (o *Options) complete() error {
	o.Every = cmp.Or(o.Every, DefaultEvery)
	o.Time = cmp.Or(o.Time, DefaultTime)
	o.Rounds = cmp.Or(o.Rounds, DefaultRounds)
	if o.Shares == nil {
		o.Shares = DefaultShares()
	}
	if len(o.Polls) == 0 {
		o.Polls = Polls()
	}
	switch {
	case o.Every < 10*time.Microsecond || o.Every > time.Second:
		return fmt.Errorf("a datagram every %v: want 10us to 1s", o.Every)
	case o.Time < 10*time.Millisecond || o.Time > time.Minute:
		return fmt.Errorf("time %v: want 10ms to 1m for a trial", o.Time)
	case o.Time < o.Every:
		return fmt.Errorf("a datagram every %v: not once in a trial of %v", o.Every, o.Time)
	case o.Rounds < 1 || o.Rounds > 1000:
		return fmt.Errorf("rounds %d: want 1 to 1000", o.Rounds)
	}
	for _, share := range o.Shares {
		if !(share > 0 && share <= 1) {
			return fmt.Errorf("load %v: want a share above 0, up to 1", share)
		}
	}
	for _, poll := range o.Polls {
		if !slices.Contains(Polls(), poll) {
			return fmt.Errorf("poll %q: want some of %s", poll, strings.Join(Polls(), ", "))
		}
	}
	_, err := o.variants()
	return err
}
