package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

// eventsOptions are the flags of `director events`.
type eventsOptions struct {
	target
	follow bool
	since  string
	text   bool
}

func newEventsCommand() *cobra.Command {
	var o eventsOptions
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened to services and real servers",
		Long: `Show what happened to services and real servers, as far as the running director
remembers it: its last 8192 events, each a JSON object in a line. With --follow
also what happens from now on, until interrupted; the exit code is 1 if the
director ends before. docs/operations.md explains the fields.`,
		Example: `  director events --since 10m --text
  director events --follow | jq -c 'select(.kind == "service")'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if _, err := o.filter(time.Now()); err != nil {
				return err
			}
			return o.args(cmd, args)
		},
		RunE: o.asking(o.show),
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what happens from now on")
	cmd.Flags().StringVar(&o.since, "since", "", "begin with this `TIME` ago, such as 10m, or at such as 2026-03-05T16:30:00Z (default: all, or with --follow none)")
	cmd.Flags().BoolVar(&o.text, "text", false, "print lines for people")
	return cmd
}

// filter is what the flags ask for.
func (o *eventsOptions) filter(now time.Time) (f api.EventFilter, err error) {
	f.Follow = o.follow
	if o.since == "" {
		if o.follow {
			f.Since = now
		}
		return f, nil
	}
	if d, err := time.ParseDuration(o.since); err == nil && d >= 0 {
		f.Since = now.Add(-d)
		return f, nil
	}
	if f.Since, err = time.Parse(time.RFC3339, o.since); err != nil {
		return f, usagef("events: --since %s: give a time ago, such as 10m, or one such as 2026-03-05T16:30:00Z", o.since)
	}
	return f, nil
}

// show prints the events as they come. A reader that has seen enough is no error, nor
// is an interrupt.
func (o *eventsOptions) show(ctx context.Context, client *api.Client, to io.Writer) error {
	filter, err := o.filter(time.Now())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out := bufio.NewWriter(to)
	lines := json.NewEncoder(out)
	err = client.Events(ctx, filter, func(e api.Event) error {
		if o.text {
			fmt.Fprintln(out, eventLine(&e))
		} else if err := lines.Encode(e); err != nil {
			return err
		}
		if o.follow {
			return out.Flush()
		}
		return nil
	})
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	switch {
	case errors.Is(err, syscall.EPIPE), ctx.Err() != nil:
		return nil
	case err == nil && o.follow:
		return errors.New("the director has ended")
	}
	return err
}

// eventLine is an event for people.
func eventLine(e *api.Event) string {
	what := e.To
	if e.From != "" {
		what = e.From + " -> " + e.To
	}
	parts := []string{e.Time.Local().Format("2006-01-02 15:04:05.000"), fmt.Sprintf("%-7s", e.Kind)}
	for _, part := range []string{e.Service, e.Server, what} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	line := strings.Join(parts, " ")
	if e.Reason != "" {
		if what != "" {
			line += ":"
		}
		line += " " + e.Reason
	}
	if e.By != "" {
		line += ", by " + e.By
	}
	return line
}
