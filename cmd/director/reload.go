package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

func newReloadCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the running director read its configuration file again",
		Long: `Make the running director read its configuration file again, as SIGHUP does,
and say what came of it. A file with a mistake changes nothing.`,
		Args: t.args,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := t.client()
			if err != nil {
				return fmt.Errorf("reload: %w", err)
			}
			r, err := client.Reload(cmd.Context())
			var refused *api.Error
			switch {
			case errors.As(err, &refused):
				return fmt.Errorf("reload: refused, what ran before goes on:\n%w", refused)
			case err != nil:
				return fmt.Errorf("reload: %w", err)
			}
			if r.Problem != "" {
				return fmt.Errorf("reloaded, but %s", r.Problem)
			}
			fmt.Fprintln(cmd.OutOrStdout(), reloadLine(r))
			return nil
		},
	}
	t.addFlags(cmd)
	return cmd
}

func reloadLine(r api.Reload) string {
	switch {
	case len(r.NeedRestart) > 0:
		return "reloaded; these take effect with the next start: " + strings.Join(r.NeedRestart, ", ")
	case !r.Changed:
		return "unchanged: the file says what it said before"
	}
	return "reloaded"
}
