package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// runOptions are the flags of `director run`.
type runOptions struct {
	config string
	level  slog.Level
	format string
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
			if o.format != "text" && o.format != "json" {
				return usagef("run: --log-format %s: want text or json", o.format)
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
	cmd.Flags().TextVar(&o.level, "log-level", slog.LevelInfo, "the least `LEVEL` to log: debug, info, warn or error")
	cmd.Flags().StringVar(&o.format, "log-format", "text", "how to log: `text` or json")
	return cmd
}

func (o *runOptions) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: o.level}
	if o.format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
