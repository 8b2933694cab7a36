package main

import (
	"github.com/spf13/cobra"
)

// newBenchCommand makes `director bench`.
func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench COMMAND",
		Short: "Measure what a director carries, and compare runs",
		Long: `Measure what a director carries, on this machine, and compare runs. All that
one run measures stands side by side in rounds: figures of a shared machine drift
by the hour, those of one run do not drift apart. docs/benchmarks.md says how to
read them.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("bench %s: unknown; there is %s", args[0], subcommands(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("bench: one of %s is needed", subcommands(cmd))
		},
	}
	cmd.AddCommand(
		newBenchWireCommand(), newBenchLatencyCommand(), newBenchTCPCommand(),
		newBenchSendCommand(), newBenchSinkCommand(),
		newBenchPathCommand(), newBenchGrowthCommand(),
		newBenchCompareCommand(),
	)
	return cmd
}
