package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"lvsdr/bench"
)

func newBenchCompareCommand() *cobra.Command {
	var all bool
	noise := bench.Noise{Alpha: bench.Alpha}
	least := 0.0
	cmd := &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "Say what changed between two runs beyond noise",
		Long: `Say what changed between two runs, given as files of --json, beyond noise: the
medians, the change with its confidence interval, and the probability p that
chance alone makes such a difference (the Mann-Whitney U test).

The exit code is 1 if a figure became worse, and 0 if none did. Runs of different
hours differ more than their samples say: run the old and the new program in turn,
and more than once, before you believe a small change.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 2:
				return usagef("bench compare: two files of --json are needed, the old one and the new one")
			case !(noise.Alpha > 0 && noise.Alpha < 1):
				return usagef("bench compare: --alpha %v: want a probability between 0 and 1", noise.Alpha)
			case !(least >= 0):
				return usagef("bench compare: --min-change %v: want a percentage", least)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			before, after, err := readRuns(args)
			if err != nil {
				return fmt.Errorf("bench compare: %w", err)
			}
			warnDifferent(cmd.ErrOrStderr(), before, after)
			noise.Least = least / 100
			c := bench.Compare(before, after, noise)
			if err := c.Print(cmd.OutOrStdout(), all); err != nil {
				return fmt.Errorf("bench compare: %w", err)
			}
			if c.Worse() {
				return exitStatus(1)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also show what did not change")
	cmd.Flags().Float64Var(&noise.Alpha, "alpha", noise.Alpha, "count as changed what chance alone makes with a probability below `P`")
	cmd.Flags().Float64Var(&least, "min-change", 0, "take a change of the median by less than `PERCENT` for noise")
	return cmd
}

func readRuns(names []string) (before, after *bench.Run, err error) {
	if before, err = bench.ReadFile(names[0]); err != nil {
		return nil, nil, err
	}
	after, err = bench.ReadFile(names[1])
	return before, after, err
}

// warnDifferent says what makes a comparison doubtful.
func warnDifferent(out io.Writer, before, after *bench.Run) {
	if !before.Machine.Same(after.Machine) {
		fmt.Fprintln(out, "director: the runs are of different machines or kernels: what differs may be theirs")
	}
	doubt(out, "old", before)
	doubt(out, "new", after)
}

func doubt(out io.Writer, name string, r *bench.Run) {
	if r.Interrupted {
		fmt.Fprintf(out, "director: the %s run was interrupted: some of it is missing\n", name)
	}
	if r.Machine.Busy() {
		fmt.Fprintf(out, "director: the machine was busy before the %s run (load %.1f)\n", name, r.Machine.Load)
	}
}
