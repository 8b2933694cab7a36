package tcp

import (
	"cmp"
	"fmt"
	"time"

	"lvsdr/bench/lan"
)

// Defaults of Options. A run takes some two minutes with them.
const (
	DefaultServers     = 2
	DefaultConnections = 64
	DefaultTime        = time.Second
	DefaultRounds      = 3
)

// Options say what to measure. The zero value has all defaults.
type Options struct {
	// Program is the director's executable; the peer is skipped without it.
	Program string
	Peers   []string // by name; default: all

	Servers     int           // real servers; default: DefaultServers
	Connections int           // at once; default: DefaultConnections
	Time        time.Duration // of one measurement; wrk and iperf3 take whole seconds; default: DefaultTime
	Rounds      int           // default: DefaultRounds
	// BuiltIn measures with nothing but this program, whatever the machine has.
	BuiltIn bool
}

// Quick returns options of a run of some seconds, too short to compare.
func Quick() Options { return Options{Time: 200 * time.Millisecond, Rounds: 1, BuiltIn: true} }

// Validate finds mistakes.
func (o Options) Validate() error { return o.complete() }

// complete fills in the defaults, and finds mistakes.
func (o *Options) complete() error {
	o.Servers = cmp.Or(o.Servers, DefaultServers)
	o.Connections = cmp.Or(o.Connections, DefaultConnections)
	o.Time = cmp.Or(o.Time, DefaultTime)
	o.Rounds = cmp.Or(o.Rounds, DefaultRounds)
	switch {
	case o.Servers < 1 || o.Servers > lan.MaxServers:
		return fmt.Errorf("servers %d: want 1 to %d", o.Servers, lan.MaxServers)
	case o.Connections < 1 || o.Connections > 1000:
		return fmt.Errorf("connections %d: want 1 to 1000", o.Connections)
	case o.Time < 50*time.Millisecond || o.Time > time.Minute:
		return fmt.Errorf("time %v: want 50ms to 1m for a measurement", o.Time)
	case o.Rounds < 1 || o.Rounds > 1000:
		return fmt.Errorf("rounds %d: want 1 to 1000", o.Rounds)
	}
	_, err := lan.Choose(lan.Peers(), o.Peers)
	return err
}
