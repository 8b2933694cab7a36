package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lvsdr/ipvsadm"
)

// ipvsadmName is the name by which the program is ipvsadm.
const ipvsadmName = "ipvsadm"

// exitStatus ends the process when all has been said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// ExitCode is the process's.
func (s exitStatus) ExitCode() int { return int(s) }

// newIpvsadmCommand makes `director ipvsadm`, whose flags are ipvsadm's own.
func newIpvsadmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ipvsadm [--socket SOCKET | --config FILE] [ARGS...]",
		Short: "Be ipvsadm, for the running director instead of the kernel",
		Long: `Be ipvsadm 1.31 for the running director instead of the kernel: the same command
lines, the same output, the same exit codes. "director ipvsadm --help" lists the
options. What is not done here is refused with what to do instead; docs/ipvs.md
lists it.

--socket and --config say which director; they must stand before ipvsadm's own
options. Changes last until the director is started again.

The program is ipvsadm itself when it is called by that name:

  ln -s /usr/local/sbin/director /usr/local/sbin/ipvsadm

It then asks the director whose socket is in the environment variable
` + socketVariable + `, or else at ` + defaultSocket + `.`,
		Example: "  director ipvsadm -Ln\n" +
			"  director ipvsadm -a -t 192.0.2.10:80 -r 192.0.2.23 -w 2\n" +
			"  director ipvsadm -S -n >ipvsadm.rules\n" +
			"  director ipvsadm --socket /run/other.sock -R <ipvsadm.rules",
		DisableFlagParsing:    true,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			var t target
			args, err := t.takeFlags(args)
			if err != nil {
				return err
			}
			client, err := t.client()
			if err != nil {
				return fmt.Errorf("%s: %w", ipvsadmName, err)
			}
			code := ipvsadm.Command{
				Director: client, Program: cmd.CommandPath(),
				Stdin: cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(),
			}.Run(cmd.Context(), args)
			if code != 0 {
				return exitStatus(code)
			}
			return nil
		},
	}
}

// mainIpvsadm is the program when it is called by the name ipvsadm. It returns
// the exit code.
func mainIpvsadm() int {
	client, err := new(target).client()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return ipvsadm.Command{
		Director: client, Program: os.Args[0], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}.Run(context.Background(), os.Args[1:])
}

// takeFlags takes --socket and --config off the front of ipvsadm's arguments,
// which cobra must not read.
func (t *target) takeFlags(args []string) ([]string, error) {
	for len(args) > 0 {
		name, value, given := strings.Cut(args[0], "=")
		into := map[string]*string{"--socket": &t.socket, "--config": &t.config}[name]
		if into == nil {
			break
		}
		args = args[1:]
		if !given {
			if len(args) == 0 {
				return nil, usagef("%s: %s needs an argument", ipvsadmName, name)
			}
			value, args = args[0], args[1:]
		}
		*into = value
	}
	return args, t.onlyOne(ipvsadmName)
}
