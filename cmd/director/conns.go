package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"lvsdr/admin/api"
)

// connsOptions are the flags of `director conns`.
type connsOptions struct {
	target
	filter api.ConnectionFilter
	json   bool
	count  bool
}

func newConnsCommand() *cobra.Command {
	var o connsOptions
	cmd := &cobra.Command{
		Use:   "conns",
		Short: "List connections",
		Long: `List the connections of the running director, in no order, as ipvsadm -Lnc
does: protocol, time left, state, client, virtual service and real server. What
flags name is all that is listed. An IPv6 address with a port stands in
brackets. Connections that come or go meanwhile may be missed.`,
		Example: `  director conns --client 198.51.100.0/24 --state ESTABLISHED
  director conns --vip 192.0.2.10:80 --server 192.0.2.21 --count`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.json && o.count {
				return usagef("conns: --json or --count, not both")
			}
			return o.args(cmd, args)
		},
		RunE: o.asking(o.list),
	}
	o.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.filter.Client, "client", "", "only of the client or network `ADDR[/BITS][:PORT]`")
	flags.StringVar(&o.filter.VIP, "vip", "", "only to the VIP `ADDR[:PORT]`")
	flags.StringVar(&o.filter.Server, "server", "", "only on the real server `ADDR`")
	flags.StringVar(&o.filter.Service, "service", "", "only of the service `NAME`")
	flags.StringVar(&o.filter.State, "state", "", "only in `STATE`, such as ESTABLISHED")
	flags.BoolVar(&o.filter.Templates, "templates", false, "only what persistent services remember of clients")
	flags.BoolVar(&o.json, "json", false, "print each as JSON in a line, for programs")
	flags.BoolVar(&o.count, "count", false, "print only how many there are")
	return cmd
}

// list prints the connections as they come. A reader that has seen enough is no
// error.
func (o *connsOptions) list(ctx context.Context, client *api.Client, to io.Writer) error {
	out := bufio.NewWriterSize(to, 64<<10)
	count, row := 0, o.row(out)
	if !o.json && !o.count {
		fmt.Fprintln(out, "pro expire state       source             virtual            destination")
	}
	err := client.Connections(ctx, o.filter, func(c api.Connection) error {
		count++
		return row(&c)
	})
	if o.count && err == nil {
		fmt.Fprintln(out, count)
	}
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// row returns what prints one connection.
func (o *connsOptions) row(out io.Writer) func(*api.Connection) error {
	switch {
	case o.count:
		return func(*api.Connection) error { return nil }
	case o.json:
		lines := json.NewEncoder(out)
		return func(c *api.Connection) error { return lines.Encode(c) }
	}
	return func(c *api.Connection) error { return writeConnection(out, c) }
}

// writeConnection writes a connection in the columns of ipvsadm -Lnc.
func writeConnection(out io.Writer, c *api.Connection) error {
	virtual := c.VIP
	if c.Mark != 0 {
		virtual = fmt.Sprintf("mark %d", c.Mark)
	}
	_, err := fmt.Fprintf(out, "%-3s %02d:%02d  %-11s %-18s %-18s %s\n",
		strings.ToUpper(c.Protocol), c.Expires/60, c.Expires%60, c.State, c.Client, virtual, c.Server)
	return err
}
