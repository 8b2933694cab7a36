package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

func newWhyCommand() *cobra.Command {
	var (
		t        target
		protocol string
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "why CLIENT:PORT VIP:PORT",
		Short: "Say which real server a packet would reach, and why",
		Long: `Say what the running director would do with a packet that CLIENT sends to VIP to
open a connection, or in one that it knows: the service, the entry of the
connection table, what a persistent service remembers of the client, the
scheduler's choice, the real server and its MAC address, and what would change
it. Nothing is sent and nothing is changed. An IPv6 address stands in brackets.
The exit code is 1 if the packet would reach no real server.`,
		Example: `  director why 198.51.100.7:40000 192.0.2.10:80
  director why --protocol udp 198.51.100.7:40000 192.0.2.10:53`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("why: two addresses are needed: that of the client and that of the VIP, each with a port")
			}
			return t.onlyOne("why")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := t.client()
			if err != nil {
				return fmt.Errorf("why: %w", err)
			}
			w, err := client.Why(cmd.Context(), protocol, args[0], args[1])
			if err != nil {
				return fmt.Errorf("why: %w", err)
			}
			if err := writeWhy(cmd.OutOrStdout(), w, asJSON); err != nil {
				return fmt.Errorf("why: %w", err)
			}
			if w.Server == "" {
				return exitStatus(1)
			}
			return nil
		},
	}
	t.addFlags(cmd)
	cmd.Flags().StringVar(&protocol, "protocol", "tcp", "the packet's `PROTOCOL`: tcp, udp or sctp")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON, for programs")
	return cmd
}

// writeWhy writes the answer, a decision a line.
func writeWhy(out io.Writer, w *api.Why, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(w)
	}
	for _, s := range w.Steps {
		fmt.Fprintf(out, "%-9s %s\n", s.Step, s.Result)
	}
	fmt.Fprintf(out, "verdict   %s\n", w.Verdict)
	if len(w.Changes) > 0 {
		fmt.Fprintln(out, "what would change it:")
	}
	for _, c := range w.Changes {
		fmt.Fprintf(out, "  - %s\n", c)
	}
	return nil
}
