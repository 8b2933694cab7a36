package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

func newWeightCommand() *cobra.Command {
	var (
		o     orderOptions
		reset bool
	)
	cmd := &cobra.Command{
		Use:   "weight SERVER N",
		Short: "Give a real server another weight",
		Long: `Give a real server another weight, 0 to 65535, in place of that of the
configuration. With 0 it takes no new connections, but for those of persistent
clients, as with IPVS. The weight lasts until --reset, or until the
configuration names another one than now, or somebody sets one by ipvsadm.` + serverHelp,
		Example: `  director weight 192.0.2.21 3
  director weight 192.0.2.21:80 --service web --reset`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case !reset && len(args) == 2:
				if _, err := strconv.Atoi(args[1]); err != nil {
					return usagef("weight: %q is no weight; give a number from 0 to 65535", args[1])
				}
				args = args[:1]
			case !reset && len(args) == 1:
				return usagef("weight: a number is needed, or --reset for that of the configuration")
			}
			return o.args(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			request := api.OrderRequest{Duty: api.ResetWeight, Server: args[0]}
			if !reset {
				request.Duty = api.SetWeight
				if request.Weight, err = strconv.Atoi(args[1]); err != nil {
					return err
				}
			}
			_, err = o.give(cmd, request)
			return err
		},
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&reset, "reset", false, "the weight of the configuration again")
	return cmd
}
