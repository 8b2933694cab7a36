package main

import (
	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

func newEnableCommand() *cobra.Command {
	return newOrderCommand(api.Enable, "Put a disabled real server back into service",
		`Put a real server back into service that was disabled, or that failed so often
that it has to wait: it takes new connections as soon as its checks allow.`)
}
