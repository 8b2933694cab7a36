package main

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// logOptions are the flags of commands that stay and log.
type logOptions struct {
	level  slog.Level
	format string
}

func (o *logOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.TextVar(&o.level, "log-level", slog.LevelInfo, "the least `LEVEL` to log: debug, info, warn or error")
	flags.StringVar(&o.format, "log-format", "text", "how to log: `text` or json")
}

// validate finds what the flags themselves let through.
func (o *logOptions) validate(cmd *cobra.Command) error {
	if o.format != "text" && o.format != "json" {
		return usagef("%s: --log-format %s: want text or json", cmd.Name(), o.format)
	}
	return nil
}

func (o *logOptions) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: o.level}
	if o.format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
