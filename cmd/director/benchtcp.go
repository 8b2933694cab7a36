package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lvsdr/bench"
	"lvsdr/bench/lan"
	benchtcp "lvsdr/bench/tcp"
	"lvsdr/lab"
)

// benchTCPOptions are the flags of `director bench tcp`.
type benchTCPOptions struct {
	benchOutput
	benchtcp.Options
	quick bool
}

// newBenchTCPCommand makes `director bench tcp`.
func newBenchTCPCommand() *cobra.Command {
	var o benchTCPOptions
	cmd := &cobra.Command{
		Use:   "tcp",
		Short: "Measure what TCP clients get through a director, beside what could take its place",
		Long: `Measure what TCP clients get through a director on this machine, beside what could
take its place, all on one LAN of network namespaces and in turns: connections a
second, requests a second on open connections, the speed of an upload with the
offloads of network cards and without, and the processor's time for each. Real
servers are nginx, clients wrk and iperf3, where they are installed; what is missing
is built in. Takes some two minutes. Needs root. Nothing of the machine is
changed, and nothing is left.

` + peerLines(lan.Peers(), func(p lan.Peer) (name, about string) { return p.Name, p.About }) + benchHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return usagef("bench tcp: %w", err)
			}
			for _, name := range []string{"servers", "connections", "time", "rounds"} {
				f := cmd.Flags().Lookup(name)
				if f.Changed && strings.TrimSuffix(f.Value.String(), "s") == "0" {
					return usagef("bench tcp: --%s 0: leave it out for the default", name)
				}
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Program, err = os.Executable(); err != nil {
				return fmt.Errorf("bench tcp: %w", err)
			}
			return o.measure(cmd, func(ctx context.Context, run *bench.Run, p bench.Progress) error {
				err := benchtcp.Measure(ctx, run, o.options(), p)
				if errors.Is(err, lab.ErrPrivilege) {
					return fmt.Errorf("%w; try: sudo %s bench tcp", err, o.Program)
				}
				return err
			})
		},
	}
	o.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&o.Peers, "peers", nil, "measure `NAME,...` only")
	flags.IntVar(&o.Servers, "servers", 0, fmt.Sprintf("there are `N` real servers, 1 to %d (default %d)", lan.MaxServers, benchtcp.DefaultServers))
	flags.IntVar(&o.Connections, "connections", 0, fmt.Sprintf("a client has `N` connections at once (default %d)", benchtcp.DefaultConnections))
	flags.DurationVar(&o.Time, "time", 0, fmt.Sprintf(
		"each measurement takes `TIME` (default %v; 200ms with --quick); wrk and iperf3 take whole seconds", benchtcp.DefaultTime))
	flags.IntVar(&o.Rounds, "rounds", 0, fmt.Sprintf("measure everything `N` times (default %d; 1 with --quick)", benchtcp.DefaultRounds))
	flags.BoolVar(&o.BuiltIn, "built-in", false, "use no other programs as client and server, whatever is installed")
	flags.BoolVar(&o.quick, "quick", false, "some seconds, with built-in clients and servers, to see that all works: too short to compare")
	return cmd
}

// options are what the flags mean.
func (o *benchTCPOptions) options() benchtcp.Options {
	t := o.Options
	if o.quick {
		quick := benchtcp.Quick()
		t.Time, t.Rounds, t.BuiltIn = cmp.Or(t.Time, quick.Time), cmp.Or(t.Rounds, quick.Rounds), true
	}
	return t
}
