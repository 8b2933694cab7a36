package main

import (
	"github.com/spf13/cobra"

	"lvsdr/admin/api"
	"lvsdr/config"
)

// defaultSocket is where a director can be asked whose configuration says
// nothing about it.
const defaultSocket = "/run/director/director.sock"

// target is the running director that a command asks.
type target struct {
	socket string
	config string
}

func (t *target) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.socket, "socket", "", "the admin `SOCKET` of the director (default "+defaultSocket+")")
	cmd.Flags().StringVar(&t.config, "config", "", "take the socket from this configuration `FILE`")
	cmd.MarkFlagFilename("config", "yaml", "yml") // completion only: no error that matters
}

// args refuses arguments, and both flags at once.
func (t *target) args(cmd *cobra.Command, args []string) error {
	if t.socket != "" && t.config != "" {
		return usagef("%s: --socket or --config, not both", cmd.Name())
	}
	return noArgs(cmd, args)
}

// client returns a client of the director that the flags name.
func (t *target) client() (*api.Client, error) {
	socket := defaultSocket
	switch {
	case t.socket != "":
		socket = t.socket
	case t.config != "":
		c, err := config.Load(t.config)
		if err != nil {
			return nil, err
		}
		socket = c.Admin.Socket
	}
	return api.NewClient(socket), nil
}
