package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"lvsdr/demo"
	"lvsdr/lab"
)

// newDemoCommand makes `director demo`.
func newDemoCommand() *cobra.Command {
	options := demo.Options{}
	noColour := false
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show it all on a LAN of network namespaces: client, director, three real servers",
		Long: `Build a LAN in network namespaces of this machine, with a client, a director and
three real servers, and show on it what a director does: who answers ARP, how
requests spread, how a server dies and comes back. Takes a quarter of a minute.

Needs root. Nothing of the machine is changed, and nothing is left. What is
said is checked while it is shown; the exit code is 1 if something does not hold.`,
		Args: func(cmd *cobra.Command, args []string) error {
			// Each of the three real servers is to have one.
			if options.Requests < 3 || options.Requests > 100_000 {
				return usagef("demo: --requests %d: want a number from 3 to 100000", options.Requests)
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if options.Program, err = os.Executable(); err != nil {
				return fmt.Errorf("demo: %w", err)
			}
			options.Out = cmd.OutOrStdout()
			if f, ok := options.Out.(*os.File); ok {
				options.Style = demo.StyleFor(f, !noColour)
			}
			return runDemo(cmd.Context(), options)
		},
	}
	cmd.Flags().IntVar(&options.Requests, "requests", demo.DefaultRequests, "spread `N` requests over the servers")
	cmd.Flags().BoolVar(&options.Stay, "stay", false, "keep the LAN until Ctrl-C, and say how to look around in it")
	cmd.Flags().BoolVar(&noColour, "no-color", false, "no colours (NO_COLOR does the same)")
	return cmd
}

// runDemo runs the demo until a signal, of which a second one has its default
// effect.
func runDemo(ctx context.Context, o demo.Options) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := demo.Run(ctx, o)
	if errors.Is(err, lab.ErrPrivilege) {
		return fmt.Errorf("demo: %w; try: sudo %s demo", err, o.Program)
	}
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}
