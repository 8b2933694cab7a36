package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lvsdr/realserver"
)

// realserverFlags are the flags that its subcommands share.
type realserverFlags struct {
	vips     []string
	services []string
	source   vipSource
	checks   checkFlags
	options  realserver.Options
	print    bool
	json     bool
}

// newRealserverCommand makes `director realserver`.
func newRealserverCommand() *cobra.Command { return realserverCommand(realserver.LinuxHost{}) }

func realserverCommand(host realserver.Host) *cobra.Command {
	f := &realserverFlags{}
	root := &cobra.Command{
		Use:   "realserver COMMAND",
		Short: "Make this host a real server: accept traffic for VIPs, never answer ARP for them",
		Long: `Make this host a real server of a direct-routing cluster: it accepts what the
director sends it for the VIPs, and never answers ARP for them.

VIPs are given with --vip, or come from a director: from its configuration file
(--config), or from itself while it runs (--director). Those two have the VIPs of
the services that list an address of this host as a real server.

The changes last until the next boot, or with apply --persist until undo, which
restores what was there before.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("realserver %s: unknown; there is %s", args[0], subcommands(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return usagef("realserver: one of %s is needed", subcommands(cmd))
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	flags := root.PersistentFlags()
	flags.StringArrayVar(&f.vips, "vip", nil, "a virtual `ADDRESS`, IPv4 or IPv6; may be repeated")
	flags.StringArrayVar(&f.options.Interfaces, "interface", nil,
		"a LAN `INTERFACE`; may be repeated (default: for check, those that were applied; else all that are up, speak ARP and have an IPv4 address)")
	flags.StringVar(&f.options.Method, "method", "", "how: "+strings.Join(realserver.Methods(), ", ")+
		" (default: for check, the one that was applied; else "+realserver.MethodSysctl+")")
	flags.StringArrayVar(&f.services, "service", nil,
		"with method redirect, take only a `SERVICE`: tcp/80, tcp/8000-8099, udp; for check, with any method, one that has to be served; may be repeated (default: all)")
	flags.StringVar(&f.options.AddressOn, "vip-on", "", "with method arptables, the `INTERFACE` to put IPv4 VIPs on (default lo)")
	flags.IntVar(&f.options.ARPIgnore, "arp-ignore", realserver.DefaultARPIgnore, "the arp_ignore to set where the host has none that suffices: 1 or 3")
	flags.StringVar(&f.options.StateDir, "state-dir", realserver.DefaultStateDir, "where to keep what was there before")
	f.source.addFlags(root)
	root.AddCommand(f.applyCommand(host), f.checkCommand(host), f.undoCommand(host), f.showCommand(host),
		f.runCommand(host))
	return root
}

// subcommands lists the names of a command's commands.
func subcommands(cmd *cobra.Command) string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion" {
			names = append(names, c.Name())
		}
	}
	return strings.Join(names, ", ")
}

func (f *realserverFlags) applyCommand(host realserver.Host) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply {--vip ADDRESS... | --config FILE | --director WHERE}",
		Short: "Set the host up for the VIPs: all or nothing, again and again",
		Example: `  director realserver apply --vip 192.0.2.10
  director realserver apply --vip 192.0.2.10 --print
  director realserver apply --config /etc/director/director.yaml --prune
  director realserver apply --director http://192.0.2.2:9480`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd, args); err != nil {
				return err
			}
			switch {
			case len(f.options.VIPs) == 0 && !f.source.named():
				return usagef("realserver apply: %w: --vip ADDRESS, --config FILE or --director WHERE", realserver.ErrNoVIP)
			case f.print && f.json:
				return usagef("realserver apply: only one of --print and --json")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.resolve(cmd.Context(), host)
			if err == nil {
				err = f.apply(cmd.OutOrStdout(), o, host)
			}
			if err == nil && !f.print {
				warnOfForeign(cmd.ErrOrStderr(), o, host)
			}
			if err != nil {
				return fmt.Errorf("realserver apply: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&f.print, "print", false, "print the commands that would do the same, and do nothing")
	cmd.Flags().BoolVar(&f.options.Persist, "persist", false, "have every boot do the same, before the network: a file in /etc/sysctl.d and a systemd unit")
	cmd.Flags().StringVar(&f.options.Program, "program", "", "with --persist, the `PATH` of the program that a boot runs (default: this program)")
	cmd.Flags().BoolVar(&f.options.Prune, "prune", false, "also undo what was applied before and is not listed any more")
	f.addJSON(cmd)
	return cmd
}

func (f *realserverFlags) apply(out io.Writer, o realserver.Options, host realserver.Host) error {
	if f.print {
		plan, err := realserver.NewPlan(o, host)
		if err != nil {
			return err
		}
		for _, line := range plan.Commands() {
			fmt.Fprintln(out, line)
		}
		return nil
	}
	plan, err := realserver.Apply(o, host)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(out, newAppliedJSON(plan))
	}
	fmt.Fprint(out, plan)
	changes := plan.Changes()
	if plan.Undone != nil {
		changes = append(changes, plan.Undone.Restored...)
	}
	sayReload(out, host, changes)
	return nil
}

// sayReload says what it takes for systemctl to show units that were written or removed. The
// next boot needs nothing.
func sayReload(out io.Writer, host realserver.Host, changes []realserver.Change) {
	units := slices.ContainsFunc(changes, func(c realserver.Change) bool {
		f, ok := c.(*realserver.FileChange)
		return ok && strings.HasSuffix(f.Path, ".service")
	})
	if units && realserver.RunsSystemd(host) {
		fmt.Fprintln(out, "for systemctl to know before the next boot: systemctl daemon-reload")
	}
}

func (f *realserverFlags) checkCommand(host realserver.Host) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [--vip ADDRESS... | --config FILE | --director WHERE]",
		Short: "Say what is right and what is wrong, without changing anything",
		Long: `Say what is right and what is wrong, without changing anything. Needs no
privileges, but for methods with nftables, and to read the rules of a firewall.
Without a source of VIPs: for those that were applied. The exit code is 1 if
something is wrong; a note is not.`,
		Args: f.parse,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.resolve(cmd.Context(), host)
			if err != nil {
				return fmt.Errorf("realserver check: %w", err)
			}
			findings, err := realserver.Check(o, host)
			if errors.Is(err, realserver.ErrNoVIP) {
				return usagef("realserver check: %w, and none was applied: --vip ADDRESS", err)
			}
			if err != nil {
				return fmt.Errorf("realserver check: %w", err)
			}
			return f.printFindings(cmd.OutOrStdout(), findings)
		},
	}
	f.checks.addFlags(cmd)
	f.addJSON(cmd)
	return cmd
}

// printFindings prints the findings. It returns an error when one is wrong.
func (f *realserverFlags) printFindings(out io.Writer, findings []realserver.Finding) error {
	if f.json {
		if err := printJSON(out, checkedJSON{realserver.Healthy(findings), findings}); err != nil {
			return err
		}
	} else {
		writeFindings(out, findings)
	}
	wrong := 0
	for _, f := range findings {
		if !f.OK {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("realserver check: %d of %d wrong", wrong, len(findings))
	}
	return nil
}

// writeFindings writes a line for each finding, with why it matters and its
// remedy below.
func writeFindings(out io.Writer, findings []realserver.Finding) {
	for _, f := range findings {
		fmt.Fprintf(out, "%-6s %s\n", f.Verdict(), f.What)
		if f.Why != "" {
			fmt.Fprintf(out, "       %s\n", f.Why)
		}
		if f.Remedy != "" {
			fmt.Fprintf(out, "       to mend: %s\n", f.Remedy)
		}
	}
}

func (f *realserverFlags) undoCommand(host realserver.Host) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "undo [--vip ADDRESS... | --config FILE | --director WHERE]",
		Short: "Restore what was there before apply",
		Long: `Restore what was there before apply, for the given VIPs or for all, and have
the next boot do no more about them. What several VIPs need stays until the
last of them is undone.`,
		Args: f.parse,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.resolve(cmd.Context(), host)
			if err == nil {
				err = f.undo(cmd.OutOrStdout(), o, host)
			}
			if err != nil {
				return fmt.Errorf("realserver undo: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&f.options.Runtime, "runtime", false, "leave what --persist wrote: the next boot applies it again")
	f.addJSON(cmd)
	return cmd
}

func (f *realserverFlags) undo(out io.Writer, o realserver.Options, host realserver.Host) error {
	undone, err := realserver.Undo(o, host)
	nothing := errors.Is(err, realserver.ErrNothingApplied)
	switch {
	case nothing && !f.json:
		fmt.Fprintln(out, err)
		return nil
	case nothing:
		err = nil
	case undone == nil:
		return err
	}
	if f.json {
		return errors.Join(err, printJSON(out, newUndoneJSON(undone)))
	}
	fmt.Fprint(out, undone)
	sayReload(out, host, undone.Restored)
	return err
}

// parse reads the flags that name VIPs and services; it stands where cobra judges arguments, so that every
// mistake in the command line is found before anything runs.
func (f *realserverFlags) parse(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("realserver %s: unexpected %q; VIPs are given with --vip", cmd.Name(), args[0])
	}
	f.options.VIPs = nil
	for _, text := range f.vips {
		vip, err := netip.ParseAddr(text)
		if err != nil {
			return usagef("realserver %s: --vip %s: not an IP address", cmd.Name(), text)
		}
		f.options.VIPs = append(f.options.VIPs, vip)
	}
	f.options.Services = nil
	for _, text := range f.services {
		service, err := realserver.ParseService(text)
		if err != nil {
			return usagef("realserver %s: --service %s: %w", cmd.Name(), text, err)
		}
		f.options.Services = append(f.options.Services, service)
	}
	err := errors.Join(f.source.validate(len(f.vips) > 0), f.checks.parse(&f.options))
	validate := f.options.ValidateApply
	if cmd.Name() == "check" {
		validate = f.options.Validate
	}
	if err == nil {
		err = validate()
	}
	if err != nil {
		return usagef("realserver %s: %w", cmd.Name(), err)
	}
	return nil
}
