package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

// Ask runs `director ARGS` on the director's host, which must succeed, and
// returns what it prints.
func (c *cluster) Ask(args ...string) string {
	c.t.Helper()
	p := c.Asking(args...)
	if err := p.Run(); err != nil {
		c.t.Fatalf("%v: %v", p, err)
	}
	return p.Stdout()
}

// Asking prepares `director ARGS` for this director.
func (c *cluster) Asking(args ...string) *lab.Process {
	p := directorCommand(context.Background(), c.Director.Host, args...)
	p.Env = append(os.Environ(), socketVariable+"="+c.socket())
	return p
}

// Ipvsadm runs `director ipvsadm` with the words of a line.
func (c *cluster) Ipvsadm(line string) string {
	c.t.Helper()
	return c.Ask(append([]string{"ipvsadm"}, strings.Fields(line)...)...)
}

// Conns runs `director conns` with the words of a line, and returns what it
// lists.
func (c *cluster) Conns(line string) (all []api.Connection) {
	c.t.Helper()
	list := c.Ask(append([]string{"conns", "--json"}, strings.Fields(line)...)...)
	for row := range strings.Lines(list) {
		var conn api.Connection
		if err := json.Unmarshal([]byte(row), &conn); err != nil {
			c.t.Fatalf("conns %s: %v in %s", line, err, row)
		}
		all = append(all, conn)
	}
	return all
}
