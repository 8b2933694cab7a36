package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
	"lvsdr/config"
)

// defaultSocket is where a director can be asked whose configuration says
// nothing about it.
const defaultSocket = "/run/director/director.sock"

// socketVariable is the environment variable that names another socket, also
// for an ipvsadm, which has no flag for it.
const socketVariable = "DIRECTOR_SOCKET"

// target is the running director that a command asks.
type target struct {
	socket string
	config string
}

func (t *target) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.socket, "socket", "", "the admin `SOCKET` of the director (default $"+socketVariable+" or "+defaultSocket+")")
	cmd.Flags().StringVar(&t.config, "config", "", "take the socket from this configuration `FILE`")
	cmd.MarkFlagFilename("config", "yaml", "yml") // completion only: no error that matters
}

// args refuses arguments, and both flags at once.
func (t *target) args(cmd *cobra.Command, args []string) error {
	if err := t.onlyOne(cmd.Name()); err != nil {
		return err
	}
	return noArgs(cmd, args)
}

func (t *target) onlyOne(command string) error {
	if t.socket != "" && t.config != "" {
		return usagef("%s: --socket or --config, not both", command)
	}
	return nil
}

// client returns a client of the director that the flags name, or else the
// environment.
func (t *target) client() (*api.Client, error) {
	socket := cmp.Or(os.Getenv(socketVariable), defaultSocket)
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

// asking runs a command that asks the director and prints what it says.
func (t *target) asking(print func(ctx context.Context, client *api.Client, out io.Writer) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		client, err := t.client()
		if err == nil {
			err = print(cmd.Context(), client, cmd.OutOrStdout())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", cmd.Name(), err)
		}
		return nil
	}
}
