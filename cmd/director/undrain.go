package main

import (
	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

func newUndrainCommand() *cobra.Command {
	return newOrderCommand(api.Undrain, "Put a drained real server back into service",
		`Put a real server back into service that was to be drained: it takes new
connections as soon as its checks allow, with the slow start of its service if
it was out of service already.`)
}
