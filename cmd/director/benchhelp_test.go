package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// flagWithValue is a flag in the help, and what stands for its value.
var flagWithValue = regexp.MustCompile(`(?m)^ +(--[a-z0-9-]+) (\S+)  `)

// TestBenchMetavariables: what the help shows behind a flag stands for a value, in
// capitals; it is no word that might be the only one.
func TestBenchMetavariables(t *testing.T) {
	for _, cmd := range newBenchCommand().Commands() {
		found := flagWithValue.FindAllStringSubmatch(cmd.Flags().FlagUsages(), -1)
		if len(found) == 0 {
			t.Errorf("bench %s: no flag has a value", cmd.Name())
		}
		for _, f := range found {
			if f[2] != strings.ToUpper(f[2]) {
				t.Errorf("bench %s: %s %s", cmd.Name(), f[1], f[2])
			}
		}
	}
}

// TestUnexpected: a mistake is said of the command as it is typed.
func TestUnexpected(t *testing.T) {
	for _, args := range [][]string{{"version", "x"}, {"bench", "wire", "x"}, {"bench", "growth", "x"}, {"bench", "tcp", "x"}} {
		cmd := newRootCommand()
		cmd.SetArgs(args)
		cmd.SetOut(new(bytes.Buffer))
		cmd.SetErr(new(bytes.Buffer))
		want := strings.Join(args[:len(args)-1], " ") + `: unexpected "x"`
		if err := cmd.ExecuteContext(t.Context()); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", args, err, want)
		}
	}
}
