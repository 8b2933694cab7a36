package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lvsdr/bench"
	"lvsdr/bench/lan"
	"lvsdr/bench/latency"
	"lvsdr/lab"
)

// benchLatencyOptions are the flags of `director bench latency`.
type benchLatencyOptions struct {
	benchOutput
	peers, polls []string
	loads        []float64 // in percent
	every, time  time.Duration
	rounds       int
	sleep, steer bool
	quick        bool
}

// newBenchLatencyCommand makes `director bench latency`.
func newBenchLatencyCommand() *cobra.Command {
	var o benchLatencyOptions
	cmd := &cobra.Command{
		Use:   "latency",
		Short: "Measure round trips through a director, beside what could take its place",
		Long: `Measure how long a datagram and its answer take through a director on this machine,
beside what could take its place, all on one LAN of network namespaces and in turns:
one after the other, one a millisecond, and beside a load; for each way in which the
director waits for frames (poll), and what it takes from the processor while there
are none. Takes some five minutes. Needs root. Nothing of the machine is changed, and
nothing is left.

` + peerLines(latency.Peers(), func(p lan.Peer) (name, about string) { return p.Name, p.About }) + benchHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := o.validate(cmd); err != nil {
				return err
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			measured, err := o.options()
			if err != nil {
				return fmt.Errorf("bench latency: %w", err)
			}
			return o.measure(cmd, func(ctx context.Context, run *bench.Run, p bench.Progress) error {
				err := latency.Measure(ctx, run, measured, p)
				if errors.Is(err, lab.ErrPrivilege) {
					return fmt.Errorf("%w; try: sudo %s bench latency", err, measured.Program)
				}
				return err
			})
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *benchLatencyOptions) addFlags(cmd *cobra.Command) {
	o.benchOutput.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&o.peers, "peers", nil, "measure `NAME,...` only")
	flags.StringSliceVar(&o.polls, "poll", nil, "let director and forwarder wait by `MODE,...` only: block, adaptive, spin")
	flags.DurationVar(&o.every, "every", latency.DefaultEvery, "where datagrams have a pace, send one every `TIME`")
	flags.Float64SliceVar(&o.loads, "loads", nil, "loads beside them, `PERCENT,...` of what each peer carries; 0 for none (default 50,90; 50 with --quick)")
	flags.Lookup("loads").DefValue = "" // the text has it
	flags.DurationVar(&o.time, "time", 0, "each trial takes `TIME` (default 1s; 50ms with --quick)")
	flags.IntVar(&o.rounds, "rounds", 0, "measure everything `N` times (default 5; 1 with --quick)")
	flags.BoolVar(&o.sleep, "sleep", false, "let the client sleep while it waits, as most programs do")
	flags.BoolVar(&o.steer, "steer", false, "have the kernel interrupt the peer's processor for what it receives, as a network card would")
	flags.BoolVar(&o.quick, "quick", false, "some seconds, to see that all works: too short to compare")
}

// validate finds mistakes in the flags.
func (o *benchLatencyOptions) validate(cmd *cobra.Command) error {
	for _, load := range o.loads {
		if !(load >= 0 && load <= 100) {
			return usagef("bench latency: --loads %v: want percents, 0 to 100", load)
		}
	}
	measured, err := o.options()
	if err != nil {
		return fmt.Errorf("bench latency: %w", err)
	}
	if err := measured.Validate(); err != nil {
		return usagef("bench latency: %w", err)
	}
	for _, name := range []string{"every", "time", "rounds"} {
		if f := cmd.Flags().Lookup(name); f.Changed && (f.Value.String() == "0" || f.Value.String() == "0s") {
			return usagef("bench latency: --%s 0: want more", name)
		}
	}
	return nil
}

// options are what the flags mean.
func (o *benchLatencyOptions) options() (l latency.Options, err error) {
	if o.quick {
		l = latency.Quick()
	}
	l.Peers, l.Polls, l.Every, l.Sleep, l.Steer = o.peers, o.polls, o.every, o.sleep, o.steer
	l.Time, l.Rounds = cmp.Or(o.time, l.Time), cmp.Or(o.rounds, l.Rounds)
	if len(o.loads) > 0 {
		l.Shares = []float64{}
	}
	for _, load := range o.loads {
		if load != 0 {
			l.Shares = append(l.Shares, load/100)
		}
	}
	l.Program, err = os.Executable()
	return l, err
}
