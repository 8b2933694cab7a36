package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lvsdr/config"
)

func main() {
	if filepath.Base(os.Args[0]) == ipvsadmName {
		os.Exit(mainIpvsadm())
	}
	os.Exit(execute(newRootCommand(), os.Args[1:], os.Stdout, os.Stderr))
}

// newRootCommand makes the program's command line.
func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "director COMMAND",
		Short: "A load balancer for direct routing, in userspace",
		Long: `A load balancer for direct routing (LVS-DR), in userspace: it answers ARP for
virtual IP addresses that no host has configured, and sends each frame on to a
real server, which answers the client directly.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usagef("%s: unknown command%s", args[0], suggestion(cmd.SuggestionsFor(args[0])))
		},
		RunE:                       func(*cobra.Command, []string) error { return usagef("a command is needed") },
		Version:                    programVersion(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	root.SetVersionTemplate(versionLine() + "\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newRunCommand(), newCheckCommand(), newStatusCommand(), newConnsCommand(), newWhyCommand(), newEventsCommand(), newReloadCommand(),
		newDrainCommand(), newUndrainCommand(), newWeightCommand(), newDisableCommand(), newEnableCommand(),
		newDoctorCommand(),
		newIpvsadmCommand(), newRealserverCommand(), newDemoCommand(), newBenchCommand(), newVersionCommand(), newManCommand(),
	)
	return root
}

func suggestion(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// execute runs the command line and returns the process's exit code.
func execute(root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	var mistakes config.Errors
	var code interface{ ExitCode() int }
	switch {
	case errors.As(err, new(exitStatus)): // and has said why
	case errors.As(err, &mistakes):
		fmt.Fprintln(stderr, mistakes.Error())
	default:
		fmt.Fprintf(stderr, "director: %v\n", err)
	}
	if !errors.As(err, &code) {
		return 1
	}
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(stderr, "usage: %s\n(%s --help says more)\n", cmd.UseLine(), cmd.CommandPath())
	}
	return code.ExitCode()
}
