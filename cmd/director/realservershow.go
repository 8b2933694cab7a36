package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"lvsdr/realserver"
)

func (f *realserverFlags) showCommand(host realserver.Host) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show [--vip ADDRESS... | --config FILE | --director WHERE]",
		Short: "Show what apply has changed, what was there before, and what is there now",
		Long: `Show what apply has changed since this host's boot, what was there before, which
is what undo restores, and what is there now. What somebody else has changed since
is marked: drift. Changes nothing; needs no privileges, but for methods with
nftables. Whether the host is a good real server is what check says.`,
		Args: f.parse,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.resolve(cmd.Context(), host)
			var record *realserver.Record
			if err == nil {
				record, err = realserver.Show(o, host)
			}
			if err == nil {
				err = f.show(cmd.OutOrStdout(), record)
			}
			if err != nil {
				return fmt.Errorf("realserver show: %w", err)
			}
			return nil
		},
	}
	f.addJSON(cmd)
	return cmd
}

func (f *realserverFlags) show(out io.Writer, r *realserver.Record) error {
	if f.json {
		return printJSON(out, r)
	}
	if len(r.Changes) == 0 {
		fmt.Fprintln(out, "nothing was applied since this host's boot")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	title := ""
	for _, a := range r.Changes {
		if t := fmt.Sprintf("%s for %s:", a.Method, addressList(a.VIPs)); t != title {
			title = t
			fmt.Fprintf(w, "%s\n\tCHANGED\tBEFORE\tNOW\tAPPLIED\n", title)
		}
		verdict := "ok"
		if a.Drift {
			verdict = "drift"
		}
		fmt.Fprintf(w, "%-5s\t%s\t%s\t%s\t%s\n", verdict, a.What, orNothing(a.Before), now(a), a.After)
	}
	if len(r.Boot) > 0 {
		fmt.Fprintf(w, "the next boot applies %s\n", addressList(r.Boot))
	}
	return w.Flush()
}

// now leaves out what stands in the next column already, if it is long.
func now(a realserver.Applied) string {
	if !a.Drift && strings.Contains(a.Now, " ") {
		return "as applied"
	}
	return orNothing(a.Now)
}

func orNothing(text string) string { return cmp.Or(text, "nothing") }
