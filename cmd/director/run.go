package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// runOptions are the flags of `director run`.
type runOptions struct {
	logOptions
	config string
}

func newRunCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Run the director in the foreground",
		Long: `Run the director in the foreground. Needs root, or CAP_NET_ADMIN and CAP_NET_RAW.

SIGHUP reads the configuration again; a file with a mistake changes nothing.
SIGTERM and SIGINT end it politely; a second one ends it at once. It logs to
standard error, and tells systemd how it is when started with Type=notify.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.config == "" {
				return usagef("run: --config FILE is needed")
			}
			if err := o.validate(cmd); err != nil {
				return err
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A reader of the log that goes away must not take the traffic along.
			signal.Ignore(syscall.SIGPIPE)
			reload, stop := make(chan os.Signal, 1), make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
			p, err := newProcess(o.config, o.logger(cmd.ErrOrStderr()))
			if err != nil {
				return fmt.Errorf("run: %w", err)
			}
			if err := p.run(cmd.Context(), reload, stop); err != nil {
				return fmt.Errorf("run: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&o.config, "config", "", "the configuration `FILE`")
	o.logOptions.addFlags(cmd)
	return cmd
}
