package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/bench"
	"lvsdr/bench/ends"
	"lvsdr/bench/generator"
	"lvsdr/frame"
)

// benchSendOptions are the flags of `director bench send`.
type benchSendOptions struct {
	benchOutput
	ends.SendOptions
	to, mac, from, protocol, rate, method string
}

// sendMethods are the words of --method.
var sendMethods = map[string]generator.Kind{"auto": "", "live": generator.LiveFrames, "packet": generator.Packet}

// newBenchSendCommand makes `director bench send`.
func newBenchSendCommand() *cobra.Command {
	var o benchSendOptions
	cmd := &cobra.Command{
		Use:   "send --interface IF --to VIP:PORT --rate {N|max}",
		Short: "Send frames to a VIP on a real network, and count them",
		Long: `Send frames to a VIP on a real network, as many clients would, at a rate or as
fast as this machine can, for a time: to a director, in front of real servers on
which director bench sink counts what arrives. docs/benchmarks.md has the recipe, by
which no frame goes uncounted.

Before it begins it says from and to which addresses it will send. Real
addresses are not used: clients are of 198.18.0.0/15 or 2001:2::/48, which are set aside
for benchmarks, unless --from names another network. It keeps one processor busy,
and this network with what you ask for: it is for networks that are yours. Needs
root; with CAP_NET_RAW alone frames are sent by AF_PACKET.` + benchHelp,
		Example: `  director bench send --interface eth0 --to 192.0.2.10:80 --rate 100000
  director bench send --interface eth0 --to 192.0.2.10:80 --protocol tcp --flows 10000 --new 0.01 --rate max --time 30s
  director bench send --interface eth0 --to [2001:db8::10]:53 --mac 02:00:00:00:00:02 --rate 1000`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(); err != nil {
				return usagef("bench send: %w", err)
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.benchOutput.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.Interface, "interface", "", "send out of this `INTERFACE`")
	flags.StringVar(&o.to, "to", "", "send to `VIP:PORT`, an IPv6 address in brackets")
	flags.StringVar(&o.mac, "mac", "", "send to this Ethernet `ADDRESS` (default: the host's routes and ARP say it)")
	flags.StringVar(&o.from, "from", "", "clients are of this `NETWORK`, such as 198.18.0.0/24; the first 65,536 of it")
	flags.StringVar(&o.protocol, "protocol", string(generator.UDP), "send `PROTOCOL`: udp or tcp")
	flags.IntVar(&o.Flows, "flows", 1000, "frames come from `N` clients' ports, 1 to 10000000; tcp opens them first, by a SYN each")
	flags.IntVar(&o.Size, "size", 0, "frames have `BYTES`, up to 1514, without the Ethernet checksum (default: 60, or what the headers take)")
	flags.Float64Var(&o.New, "new", 0, "this `SHARE` of the frames, 0 to 1, opens a connection: by SYN in tcp")
	flags.StringVar(&o.rate, "rate", "", "send `N` frames a second, or max")
	flags.DurationVar(&o.Time, "time", 10*time.Second, "send for `TIME`, up to an hour; tcp opens its flows before that, in this hour too")
	flags.StringVar(&o.method, "method", "auto", "send by this `METHOD` only: live (frames of BPF) or packet (AF_PACKET); auto is the first that works")
	return cmd
}

// parse reads what flags cannot.
func (o *benchSendOptions) parse() (err error) {
	if o.Interface == "" || o.to == "" || o.rate == "" {
		return errors.New("--interface, --to and --rate are needed")
	}
	if o.To, err = netip.ParseAddrPort(o.to); err != nil {
		return fmt.Errorf("--to %s: want ADDRESS:PORT, an IPv6 address in brackets", o.to)
	}
	if o.mac != "" {
		mac, err := frame.ParseMAC(o.mac)
		if err != nil || !mac.IsUnicast() {
			return fmt.Errorf("--mac %s: want the Ethernet address of one host", o.mac)
		}
		o.MAC = mac
	}
	if o.from != "" {
		if o.From, err = netip.ParsePrefix(o.from); err != nil {
			return fmt.Errorf("--from %s: want a network, such as 198.18.0.0/24", o.from)
		}
	}
	if o.rate != "max" {
		if o.Rate, err = strconv.ParseFloat(o.rate, 64); err != nil || o.Rate <= 0 {
			return fmt.Errorf("--rate %s: want frames a second, or max", o.rate)
		}
	}
	if o.Flows == 0 {
		return errors.New("--flows 0: want at least 1")
	}
	o.Protocol = generator.Protocol(o.protocol)
	if o.Kind, err = method(sendMethods, o.method); err != nil {
		return err
	}
	return o.SendOptions.Validate()
}

// method looks up a word of --method.
func method[K any](known map[string]K, word string) (kind K, err error) {
	kind, ok := known[word]
	if !ok {
		return kind, fmt.Errorf("--method %s: want one of %s", word, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	return kind, nil
}

func (o *benchSendOptions) run(cmd *cobra.Command) error {
	var sent *ends.Sent
	err := o.measure(cmd, func(ctx context.Context, run *bench.Run, p bench.Progress) error {
		s, err := ends.OpenSender(ctx, o.SendOptions)
		if err != nil {
			return explainPrivilege(err, "send")
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "director: %s\n", s.Plan())
		total, err := s.Run(ctx, run, p)
		sent = &total
		return errors.Join(err, s.Close())
	})
	if sent != nil {
		fmt.Fprintf(cmd.OutOrStdout(), "\n%v\n", sent)
	}
	return err
}

// explainPrivilege says what to do about an error that lacks privileges.
func explainPrivilege(err error, command string) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if os.Geteuid() == 0 {
		return fmt.Errorf("%w; root of a container or of a user namespace has not all of root's privileges", err)
	}
	program, failed := os.Executable()
	if failed != nil {
		program = "director"
	}
	return fmt.Errorf("this needs root (%w); try: sudo %s bench %s …", fs.ErrPermission, program, command)
}
