package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"lvsdr/config"
)

func newCheckCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Find the mistakes in a configuration file",
		Long: `Find the mistakes in a configuration file, all at once: each is a line
file:line:column: key: what is wrong; what would be right. The exit code is 0 if
there are none, else 1. Keys that have no effect here are told of in the same
form, and are no mistakes. The file that rules: names is checked too, and so are
the programs, users and files that health checks name. What else depends on the
host is checked by director run.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return usagef("check: --config FILE is needed")
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(file)
			if err == nil {
				err = checkRules(c)
			}
			if err != nil {
				return fmt.Errorf("check: %w", err)
			}
			for _, w := range c.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), w)
			}
			servers := 0
			for _, s := range c.Services {
				servers += len(s.RealServers)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, %s, %s\n", file,
				count(len(c.Services), "service"), count(servers, "real server"))
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration `FILE`")
	return cmd
}

// count returns "1 thing" or "2 things".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
