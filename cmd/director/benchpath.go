package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/bench"
	"lvsdr/bench/path"
	"lvsdr/conntable"
)

// benchPathOptions are the flags of the commands that measure in process.
type benchPathOptions struct {
	benchOutput
	rounds      int
	sample      time.Duration
	connections []int
	quick       bool
	large       bool
}

func newBenchPathCommand() *cobra.Command {
	return newInProcessCommand("path", "Measure each step of the forward path in process, beside the memory's limit",
		`Measure each step of a frame's way, and the whole of it, in process and without a
kernel: nanoseconds and allocations a frame, for connections that exist and new
ones, by how many there are. Beside it stands what this machine's memory takes for
a region of the same size. Takes less than a minute. Needs no privileges.`, path.Measure)
}

func newBenchGrowthCommand() *cobra.Command {
	return newInProcessCommand("growth", "Measure how the cost of a frame grows with connections, services, servers, workers",
		`Measure how the cost of a frame grows, in process and without a kernel: with
connections, virtual services, real servers, by scheduler, and workers. Takes
less than two minutes. Needs no privileges.`, path.Grow)
}

// newInProcessCommand makes a command that measures in process.
func newInProcessCommand(
	name, short, long string, measure func(context.Context, *bench.Run, path.Options, bench.Progress) error,
) *cobra.Command {
	var o benchPathOptions
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Long:  long + benchHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(); err != nil {
				return fmt.Errorf("bench %s: %w", cmd.Name(), err)
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.measure(cmd, func(ctx context.Context, run *bench.Run, p bench.Progress) error {
				return measure(ctx, run, o.options(), p)
			})
		},
	}
	o.benchOutput.addFlags(cmd)
	cmd.Flags().IntVar(&o.rounds, "rounds", 0, "measure everything `N` times (default 10; 3 with --quick)")
	cmd.Flags().DurationVar(&o.sample, "sample", 0, "measure each time for `TIME` (default 50ms; 5ms with --quick)")
	cmd.Flags().IntSliceVar(&o.connections, "connections", nil,
		"connections in the table, `N,...` (default 1000,100000,1000000; without the last with --quick)")
	cmd.Flags().BoolVar(&o.quick, "quick", false, "some seconds, to see that all works: too short to compare")
	cmd.Flags().BoolVar(&o.large, "large", false, "a table of 10 million connections too, which takes some 5 GiB and some minutes")
	return cmd
}

// validate finds mistakes in the flags.
func (o *benchPathOptions) validate() error {
	switch {
	case o.rounds < 0 || o.rounds > 10_000:
		return usagef("--rounds %d: want 1 to 10000", o.rounds)
	case o.sample < 0 || o.sample > time.Minute:
		return usagef("--sample %v: want a time up to a minute", o.sample)
	}
	for _, n := range o.connections {
		if n < 100 || n > conntable.MaxCapacity/4 {
			return usagef("--connections %d: want 100 to %d", n, conntable.MaxCapacity/4)
		}
	}
	return nil
}

// options are what the flags mean.
func (o *benchPathOptions) options() (p path.Options) {
	if o.quick {
		p = path.Quick()
	}
	p.Rounds, p.Sample = cmp.Or(o.rounds, p.Rounds), cmp.Or(o.sample, p.Sample)
	if len(o.connections) > 0 {
		p.Connections = o.connections
	}
	if o.large {
		p.Connections = append(p.WithDefaults().Connections, path.Large)
	}
	p.Connections = slices.Compact(slices.Sorted(slices.Values(p.Connections)))
	return p
}
