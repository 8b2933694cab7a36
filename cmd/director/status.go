package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

// statusOptions are the flags of `director status`.
type statusOptions struct {
	target
	json  bool
	stats bool
	rate  bool
	watch bool
}

func newStatusCommand() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show services, real servers, VIPs, connections and frames",
		Long: `Show services, real servers, VIPs, connections and frames of the running
director, services as ipvsadm -Ln does. Alarms come first, if there are any.
docs/operations.md explains each line.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.stats && o.rate || o.json && (o.stats || o.rate) {
				return usagef("status: only one of --json, --stats and --rate")
			}
			return o.args(cmd, args)
		},
		RunE: o.asking(o.show),
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print it as JSON, for programs")
	cmd.Flags().BoolVar(&o.stats, "stats", false, "show what each real server got since the start")
	cmd.Flags().BoolVar(&o.rate, "rate", false, "show what each real server got in the last second")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "show it again every second until interrupted")
	return cmd
}

// show prints the status once or, to watch it, until a signal.
func (o *statusOptions) show(ctx context.Context, client *api.Client, out io.Writer) error {
	if !o.watch {
		return o.print(ctx, client, out, "")
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	between := "\n"
	if isTerminal(out) {
		between = "\x1b[H\x1b[2J" // cursor home, erase display
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := o.print(ctx, client, out, between); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// print writes the status in one piece, so that a terminal does not flicker.
func (o *statusOptions) print(ctx context.Context, client *api.Client, out io.Writer, before string) error {
	s, err := client.Status(ctx)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(before)
	if o.json {
		b.Reset() // one value behind the other is what programs read
		e := json.NewEncoder(&b)
		e.SetIndent("", "  ")
		if err := e.Encode(s); err != nil {
			return err
		}
	} else {
		writeStatus(&b, s, o.columns())
	}
	_, err = out.Write(b.Bytes())
	return err
}

func (o *statusOptions) columns() serverColumns {
	switch {
	case o.stats:
		return statsColumns
	case o.rate:
		return rateColumns
	}
	return stateColumns
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
