package main

import (
	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

func newDisableCommand() *cobra.Command {
	return newOrderCommand(api.Disable, "Take a real server out of service at once",
		`Take a real server out of service at once: it takes no new connections, and those
that it has expire. To let them end first, drain it.`)
}
