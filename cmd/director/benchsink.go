package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"lvsdr/bench"
	"lvsdr/bench/ends"
	"lvsdr/bench/generator"
	benchsink "lvsdr/bench/sink"
	"lvsdr/frame"
)

// benchSinkOptions are the flags of `director bench sink`.
type benchSinkOptions struct {
	benchOutput
	ends.ReceiveOptions
	vip, protocol, method string
	port                  uint16
	macs                  []string
}

// sinkMethods are the words of --method.
var sinkMethods = map[string]benchsink.Kind{"auto": "", "native": benchsink.XDP, "generic": benchsink.Generic, "nftables": benchsink.Rules}

// newBenchSinkCommand makes `director bench sink`.
func newBenchSinkCommand() *cobra.Command {
	var o benchSinkOptions
	cmd := &cobra.Command{
		Use:   "sink --interface IF --vip ADDRESS --port N",
		Short: "Count on a real server what director bench send sent through a director",
		Long: `Count on a real server what director bench send sent through a director. Frames to
the VIP and the port are taken off the interface and counted, and nothing else: ssh
and all other work of the machine goes on, and so does what other ports of the VIP
serve. What serves on this port of the VIP gets nothing meanwhile. Where it has
established TCP connections, one of which may be your ssh session, nothing begins
without --force.

Without --time it ends by Ctrl-C, and after an hour. When it ends the frames pass again,
however it ends: XDP programs, and nftables of this kind, go with their process.
A few network drivers lose the link for a second or two when an XDP program comes or
goes; --method generic does without the driver. Needs root.` + benchHelp,
		Example: `  director bench sink --interface eth0 --vip 192.0.2.10 --port 80 --json web1.json
  director bench sink --interface eth0 --vip 2001:db8::10 --port 53 --protocol udp --time 30s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(); err != nil {
				return usagef("bench sink: %w", err)
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.benchOutput.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.Interface, "interface", "", "count on this `INTERFACE`")
	flags.StringVar(&o.vip, "vip", "", "count what is to this `ADDRESS`")
	flags.Uint16Var(&o.port, "port", 0, "and to port `N`")
	flags.StringVar(&o.protocol, "protocol", "", "and is of this `PROTOCOL`: udp or tcp (default: both)")
	flags.StringArrayVar(&o.macs, "mac", nil, "also take what comes to this Ethernet `ADDRESS`, and count it apart; may be repeated")
	flags.DurationVar(&o.Time, "time", 0, "count for `TIME`, up to an hour (default: until Ctrl-C)")
	flags.StringVar(&o.method, "method", "auto", "count by this `METHOD` only: native or generic (XDP), or nftables; auto is the first that works")
	flags.BoolVar(&o.Force, "force", false, "take frames of established TCP connections too: they hang")
	return cmd
}

// parse reads what flags cannot.
func (o *benchSinkOptions) parse() error {
	if o.Interface == "" || o.vip == "" || o.port == 0 {
		return errors.New("--interface, --vip and --port are needed: nothing else is taken off the interface")
	}
	vip, err := netip.ParseAddr(o.vip)
	if err != nil {
		return fmt.Errorf("--vip %s: want an IP address", o.vip)
	}
	o.To, o.Protocol = netip.AddrPortFrom(vip, o.port), generator.Protocol(o.protocol)
	for _, text := range o.macs {
		mac, err := frame.ParseMAC(text)
		if err != nil || !mac.IsUnicast() {
			return fmt.Errorf("--mac %s: want the Ethernet address of one host", text)
		}
		o.MACs = append(o.MACs, mac)
	}
	if o.Kind, err = method(sinkMethods, o.method); err != nil {
		return err
	}
	return o.ReceiveOptions.Validate()
}

func (o *benchSinkOptions) run(cmd *cobra.Command) error {
	var totals string
	err := o.measure(cmd, func(ctx context.Context, run *bench.Run, p bench.Progress) error {
		r, err := ends.OpenReceiver(o.ReceiveOptions)
		if err != nil {
			return explainPrivilege(err, "sink")
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "director: %s\n", r.Plan())
		counts, err := r.Run(ctx, run, p)
		totals = r.Totals(&counts)
		return errors.Join(err, r.Close())
	})
	if totals != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "\n%s\n", totals)
	}
	return err
}
