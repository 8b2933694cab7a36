package main

import (
	"testing"
)

// TestLANProgramAsksTheVIP: a check that is a program of the user nobody asks the
// VIP, and reaches the server that it is the check of.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┼── web2, without the VIP at first
//	director ┘              └── web3
func TestLANProgramAsksTheVIP(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{
		Serve: serveGo, StaticARP: true,
		Check: "{kind: exec, command: [/bin/bash, -c, exec 3<>/dev/tcp/192.0.2.10/80], every: 500ms, timeout: 500ms, rise: 1, fall: 2}",
	})
	c.Servers[1].Undo()
	c.Start()
	c.health(c.Servers[0], "up")
	c.health(c.Servers[1], "down")
	c.health(c.Servers[2], "up")
	if served := c.ServedBy(10, "/"); served["web1"] != 5 || served["web3"] != 5 {
		t.Errorf("served by %v", served)
	}
	c.Servers[1].Apply()
	c.health(c.Servers[1], "up")
	c.Stop()
}
