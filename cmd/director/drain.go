package main

import (
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

// maxDeadline is the longest that a director takes.
const maxDeadline = 366 * 24 * time.Hour

func newDrainCommand() *cobra.Command {
	var (
		o        orderOptions
		deadline time.Duration
		wait     bool
	)
	cmd := &cobra.Command{
		Use:   "drain SERVER",
		Short: "Let a real server become empty, then take it out of service",
		Long: `Let a real server become empty: it takes no new connections, those that it has go
on. When it has none left, or at the deadline, it is out of service, and what is
left expires.

With --wait the command ends then, and shows meanwhile how many connections are
left. Interrupted, it leaves the drain going; director undrain ends that.` + serverHelp,
		Example: `  director drain 192.0.2.21 --deadline 10m --wait
  director drain 192.0.2.21:80 --service web`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("deadline") && (deadline < time.Second || deadline > maxDeadline) {
				return usagef("drain: --deadline %v: give a time from 1s to %v, or none", deadline, maxDeadline)
			}
			return o.args(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			// A signal from now on is one during the drain.
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			cmd.SetContext(ctx)
			done, err := o.give(cmd, api.OrderRequest{
				Duty: api.Drain, Server: args[0], Deadline: int((deadline + time.Second - 1) / time.Second),
			})
			if err != nil || !wait {
				return err
			}
			client, err := o.client()
			if err != nil {
				return fmt.Errorf("drain: %w", err)
			}
			w := newDrainWatch(client, cmd.OutOrStdout(), o.json, done)
			if err := w.run(ctx); err != nil {
				return fmt.Errorf("drain: %w", err)
			}
			return nil
		},
	}
	o.addFlags(cmd)
	cmd.Flags().DurationVar(&deadline, "deadline", 0, "cut off after this `TIME` what is left (default never)")
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "show progress until it is out of service")
	return cmd
}
