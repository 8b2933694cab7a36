package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"lvsdr/bench"
	"lvsdr/bench/generator"
	benchwire "lvsdr/bench/wire"
	"lvsdr/lab"
)

// newBenchWireCommand makes `director bench wire`.
func newBenchWireCommand() *cobra.Command {
	var output benchOutput
	var o benchwire.Options
	var protocol string
	cmd := &cobra.Command{
		Use:   "wire",
		Short: "Measure how many frames a second a director carries, beside what could take its place",
		Long: `Measure how many frames a second a director carries on this machine, beside what
could take its place, all on one LAN of network namespaces and in turns: the
highest rate with hardly a loss, what arrives of more than can be carried and
where the rest is lost, and the processor's time for a frame. Takes less than two
minutes. Needs root. Nothing of the machine is changed, and nothing is left.

` + peerLines(benchwire.Peers(), func(p benchwire.Peer) (name, about string) { return p.Name, p.About }) + benchHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			o.Protocol = generator.Protocol(protocol)
			if o.Flows == 0 || o.Size == 0 || o.Servers == 0 || o.Time == 0 || o.Rounds == 0 || o.Loss == 0 {
				return usagef("bench wire: only --new can be 0")
			}
			if o.IPv6 && !cmd.Flags().Changed("size") {
				o.Size = 0 // what the headers take
			}
			if err := o.Validate(); err != nil {
				return usagef("bench wire: %w", err)
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Program, err = os.Executable(); err != nil {
				return fmt.Errorf("bench wire: %w", err)
			}
			return output.measure(cmd, func(ctx context.Context, run *bench.Run, p bench.Progress) error {
				err := benchwire.Measure(ctx, run, o, p)
				if errors.Is(err, lab.ErrPrivilege) {
					return fmt.Errorf("%w; try: sudo %s bench wire", err, o.Program)
				}
				return err
			})
		},
	}
	output.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&o.Peers, "peers", nil, "measure `NAME,...` only")
	flags.StringVar(&protocol, "protocol", string(generator.UDP), "send `PROTOCOL`: udp or tcp")
	flags.BoolVar(&o.IPv6, "ipv6", false, "send IPv6, through the peers that take it")
	flags.IntVar(&o.Flows, "flows", benchwire.DefaultFlows, "frames come from `N` clients' ports, 1 to 10000000")
	flags.IntVar(&o.Size, "size", benchwire.DefaultSize, "frames have `BYTES`, 60 to 1514, without the Ethernet checksum; IPv6: at least 62 in udp, 74 in tcp")
	flags.Float64Var(&o.New, "new", 0, "this `SHARE` of the frames, 0 to 1, opens a connection: by SYN in tcp")
	flags.IntVar(&o.Servers, "servers", benchwire.DefaultServers, "there are `N` real servers")
	flags.DurationVar(&o.Time, "time", benchwire.DefaultTime, "each trial takes `TIME`")
	flags.IntVar(&o.Rounds, "rounds", benchwire.DefaultRounds, "measure everything `N` times")
	flags.Float64Var(&o.Loss, "loss", benchwire.DefaultLoss, "the highest rate loses less than this `SHARE`")
	flags.BoolVar(&o.Curve, "curve", false, "also send at rates from 100,000 to 6,400,000 frames a second: what is left under overload")
	return cmd
}
