package main

import (
	"encoding/json"
	"strings"

	"lvsdr/admin/api"
)

// Ask runs `director COMMAND ARGS` for this director, which must succeed, and
// returns what it prints.
func (c *cluster) Ask(command string, args ...string) string {
	c.t.Helper()
	code, stdout, stderr := c.ask(command, args...)
	if code != 0 || stderr != "" {
		c.t.Fatalf("director %s %q: exit code %d: %s", command, args, code, stderr)
	}
	return stdout
}

func (c *cluster) ask(command string, args ...string) (code int, stdout, stderr string) {
	return runDirector(append([]string{command, "--socket", c.socket()}, args...)...)
}

// Ipvsadm runs `director ipvsadm` with the words of a line.
func (c *cluster) Ipvsadm(line string) string {
	c.t.Helper()
	return c.Ask("ipvsadm", strings.Fields(line)...)
}

// Conns runs `director conns` with the words of a line, and returns what it
// lists.
func (c *cluster) Conns(line string) (all []api.Connection) {
	c.t.Helper()
	list := c.Ask("conns", append([]string{"--json"}, strings.Fields(line)...)...)
	for row := range strings.Lines(list) {
		var conn api.Connection
		if err := json.Unmarshal([]byte(row), &conn); err != nil {
			c.t.Fatalf("conns %s: %v in %s", line, err, row)
		}
		all = append(all, conn)
	}
	return all
}
