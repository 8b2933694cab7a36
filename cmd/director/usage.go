package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a mistake in the command line.
type usageError struct{ error }

// ExitCode is the process's: wrong usage.
func (usageError) ExitCode() int { return 2 }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// noArgs refuses arguments of a command that has only flags. It stands where
// cobra judges arguments, so that nothing runs before.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s: unexpected %q", shortPath(cmd), args[0])
	}
	return nil
}

// shortPath is the command with those above it, but for the program.
func shortPath(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}
