package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"lvsdr/realserver"
)

// realserverFlags are the flags that its subcommands share.
type realserverFlags struct {
	vips     []string
	services []string
	options  realserver.Options
	print    bool
}

// newRealserverCommand makes `director realserver`.
func newRealserverCommand() *cobra.Command { return realserverCommand(realserver.LinuxHost{}) }

func realserverCommand(host realserver.Host) *cobra.Command {
	f := &realserverFlags{}
	root := &cobra.Command{
		Use:   "realserver",
		Short: "Make this host a real server: accept traffic for VIPs, never answer ARP for them",
		Long: `Make this host a real server of a direct-routing cluster: it accepts what the
director sends it for the VIPs, and never answers ARP for them.

The changes last until the next boot; undo restores what was there before.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("realserver %s: unknown; there is apply, check, undo", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return usageError{errors.New("realserver: one of apply, check, undo is needed")}
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	flags := root.PersistentFlags()
	flags.StringArrayVar(&f.vips, "vip", nil, "a virtual `ADDRESS`, IPv4 or IPv6; may be repeated")
	flags.StringArrayVar(&f.options.Interfaces, "interface", nil,
		"a LAN `INTERFACE`; may be repeated (default: all that are up, speak ARP and have an IPv4 address)")
	flags.StringVar(&f.options.Method, "method", "", "how: "+strings.Join(realserver.Methods(), ", ")+
		" (default: for check, the one that was applied; else "+realserver.MethodSysctl+")")
	flags.StringArrayVar(&f.services, "service", nil,
		"with method redirect, take only a `SERVICE`: tcp/80, tcp/8000-8099, udp; may be repeated (default: all)")
	flags.StringVar(&f.options.AddressOn, "vip-on", "", "with method arptables, the `INTERFACE` to put IPv4 VIPs on (default lo)")
	flags.IntVar(&f.options.ARPIgnore, "arp-ignore", realserver.DefaultARPIgnore, "the arp_ignore to set where the host has none that suffices: 1 or 3")
	flags.StringVar(&f.options.StateDir, "state-dir", realserver.DefaultStateDir, "where to keep what was there before")
	root.AddCommand(f.applyCommand(host), f.checkCommand(host), f.undoCommand(host))
	return root
}

func (f *realserverFlags) applyCommand(host realserver.Host) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "apply --vip ADDRESS...",
		Short:   "Set the host up for the VIPs: all or nothing, again and again",
		Example: "  director realserver apply --vip 192.0.2.10\n  director realserver apply --vip 192.0.2.10 --print",
		Args:    f.parse,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(f.options.VIPs) == 0 {
				return usageError{fmt.Errorf("realserver apply: %w: --vip ADDRESS", realserver.ErrNoVIP)}
			}
			return f.apply(cmd.OutOrStdout(), host)
		},
	}
	cmd.Flags().BoolVar(&f.print, "print", false, "print the commands that would do the same, and do nothing")
	return cmd
}

func (f *realserverFlags) apply(out io.Writer, host realserver.Host) error {
	if f.print {
		plan, err := realserver.NewPlan(f.options, host)
		if err != nil {
			return fmt.Errorf("realserver apply: %w", err)
		}
		for _, line := range plan.Commands() {
			fmt.Fprintln(out, line)
		}
		return nil
	}
	plan, err := realserver.Apply(f.options, host)
	if err != nil {
		return fmt.Errorf("realserver apply: %w", err)
	}
	fmt.Fprint(out, plan)
	return nil
}

func (f *realserverFlags) checkCommand(host realserver.Host) *cobra.Command {
	return &cobra.Command{
		Use:   "check [--vip ADDRESS]...",
		Short: "Say what is right and what is wrong, without changing anything",
		Long: `Say what is right and what is wrong, without changing anything. Needs no
privileges, but for methods with nftables. Without --vip: for the VIPs that
were applied.`,
		Args: f.parse,
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings, err := realserver.Check(f.options, host)
			if errors.Is(err, realserver.ErrNoVIP) {
				return usageError{fmt.Errorf("realserver check: %w, and none was applied: --vip ADDRESS", err)}
			}
			if err != nil {
				return fmt.Errorf("realserver check: %w", err)
			}
			return printFindings(cmd.OutOrStdout(), findings)
		},
	}
}

// printFindings prints a line for each finding, with why it matters and its
// remedy below. It returns an error when one is wrong.
func printFindings(out io.Writer, findings []realserver.Finding) error {
	wrong := 0
	for _, f := range findings {
		verdict := "ok"
		if !f.OK {
			verdict = "wrong"
			wrong++
		}
		fmt.Fprintf(out, "%-6s %s\n", verdict, f.What)
		if f.Why != "" {
			fmt.Fprintf(out, "       %s\n", f.Why)
		}
		if f.Remedy != "" {
			fmt.Fprintf(out, "       to mend: %s\n", f.Remedy)
		}
	}
	if wrong > 0 {
		return fmt.Errorf("realserver check: %d of %d wrong", wrong, len(findings))
	}
	return nil
}

func (f *realserverFlags) undoCommand(host realserver.Host) *cobra.Command {
	return &cobra.Command{
		Use:   "undo [--vip ADDRESS]...",
		Short: "Restore what was there before apply",
		Long: `Restore what was there before apply, for the given VIPs or for all. What
several VIPs need stays until the last of them is undone.`,
		Args: f.parse,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.undo(cmd.OutOrStdout(), host)
		},
	}
}

func (f *realserverFlags) undo(out io.Writer, host realserver.Host) error {
	undone, err := realserver.Undo(f.options, host)
	if errors.Is(err, realserver.ErrNothingApplied) {
		fmt.Fprintln(out, err)
		return nil
	}
	if undone != nil {
		for _, c := range undone.Restored {
			fmt.Fprintln(out, c.Reverse())
		}
		for _, c := range undone.Kept {
			fmt.Fprintf(out, "kept for other VIPs: %v\n", c)
		}
		for _, vip := range undone.NotApplied {
			fmt.Fprintf(out, "%v: nothing was applied for it\n", vip)
		}
	}
	if err != nil {
		return fmt.Errorf("realserver undo: %w", err)
	}
	return nil
}

// parse reads --vip and --service; it stands where cobra judges arguments, so that every
// mistake in the command line is found before anything runs.
func (f *realserverFlags) parse(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("realserver %s: unexpected %q; VIPs are given with --vip", cmd.Name(), args[0])}
	}
	f.options.VIPs = nil
	for _, text := range f.vips {
		vip, err := netip.ParseAddr(text)
		if err != nil {
			return usageError{fmt.Errorf("realserver %s: --vip %s: not an IP address", cmd.Name(), text)}
		}
		f.options.VIPs = append(f.options.VIPs, vip)
	}
	f.options.Services = nil
	for _, text := range f.services {
		service, err := realserver.ParseService(text)
		if err != nil {
			return usageError{fmt.Errorf("realserver %s: --service %s: %w", cmd.Name(), text, err)}
		}
		f.options.Services = append(f.options.Services, service)
	}
	if err := f.options.Validate(); err != nil {
		return usageError{fmt.Errorf("realserver %s: %w", cmd.Name(), err)}
	}
	return nil
}
