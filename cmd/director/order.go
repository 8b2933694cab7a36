package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

// serverHelp ends the help of commands about a real server.
const serverHelp = `

SERVER is the address of a real server, which means it in all services that have
it, or address:port; an IPv6 address with a port stands in brackets. The order
holds over reloads and restarts; director status says who gave it.`

// orderOptions are the flags of the commands that give an order about a real
// server.
type orderOptions struct {
	target
	service string
	json    bool
}

func (o *orderOptions) addFlags(cmd *cobra.Command) {
	o.target.addFlags(cmd)
	cmd.Flags().StringVar(&o.service, "service", "", "only in the service `NAME`")
	cmd.Flags().BoolVar(&o.json, "json", false, "print what came of it as JSON, for programs")
	cmd.ValidArgsFunction = o.completeServer
	_ = cmd.RegisterFlagCompletionFunc("service", o.completeService) // completion only: no error that matters
}

// args wants a real server.
func (o *orderOptions) args(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usagef("%s: a real server is needed, such as 192.0.2.21 or 192.0.2.21:80", cmd.Name())
	case len(args) > 1:
		return usagef("%s: unexpected %q", cmd.Name(), args[1])
	}
	return o.onlyOne(cmd.Name())
}

// newOrderCommand makes a command that does nothing but give an order.
func newOrderCommand(duty api.Duty, short, long string) *cobra.Command {
	var o orderOptions
	cmd := &cobra.Command{
		Use:   string(duty) + " SERVER",
		Short: short,
		Long:  long + serverHelp,
		Args:  o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := o.give(cmd, api.OrderRequest{Duty: duty, Server: args[0]})
			return err
		},
	}
	o.addFlags(cmd)
	return cmd
}

// give gives an order and prints what came of it.
func (o *orderOptions) give(cmd *cobra.Command, request api.OrderRequest) (api.Ordered, error) {
	client, err := o.client()
	if err != nil {
		return api.Ordered{}, fmt.Errorf("%s: %w", cmd.Name(), err)
	}
	request.Service, request.By = o.service, claim()
	done, err := client.Order(cmd.Context(), request)
	if err == nil {
		err = o.print(cmd.OutOrStdout(), done)
	}
	if err != nil {
		return done, fmt.Errorf("%s: %w", cmd.Name(), err)
	}
	return done, nil
}

// claim is for whom the user acts: the director knows only who runs this process.
func claim() string { return cmp.Or(os.Getenv("SUDO_USER"), os.Getenv("DOAS_USER")) }

// print writes a line for each server.
func (o *orderOptions) print(out io.Writer, done api.Ordered) error {
	if o.json {
		return json.NewEncoder(out).Encode(done)
	}
	now := time.Now()
	for i := range done.Servers {
		if _, err := fmt.Fprintln(out, orderedLine(&done.Servers[i], now)); err != nil {
			return err
		}
	}
	return nil
}

// orderedLine says how a server is after an order.
func orderedLine(s *api.OrderedServer, now time.Time) string {
	line := fmt.Sprintf("%s of %s: %s", s.Server, s.Service, s.State)
	switch s.State {
	case "draining":
		line += ", " + left(s.Left)
		if !s.Until.IsZero() {
			line += ", cut off in " + age(s.Until.Sub(now))
		}
	case "maintenance":
	default:
		line += fmt.Sprintf(", weight %d", s.Weight)
	}
	return line
}

func left(n int) string {
	if n == 1 {
		return "1 connection left"
	}
	return fmt.Sprintf("%d connections left", n)
}
