package main

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

// TestLANInterface: the director's interface goes down and comes back, loses
// its carrier, is deleted and made again with the same MAC address and with
// another one. Each time traffic goes on by itself, and the kernel, which
// forwards, is kept away from it.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┼── web2
//	director ┘              └── web3
//	   ✂
func TestLANInterface(t *testing.T) {
	t.Parallel()
	const within = 3 * time.Second
	c := layCluster(t, clusterConfig{Serve: serveGo})
	c.Director.SetSysctl("net.ipv4.ip_forward", "1")
	c.Start()
	c.WaitServing()
	c.ServedBy(3, "/")
	link := c.Director.Link
	newMAC := lab.MustMAC("02:00:00:00:ff:02")
	for _, step := range []struct {
		name      string
		off, back func()
		state     string // in status while it is off
	}{
		{"down and up", link.Down, link.Up, "down"},
		{"cable cut and mended", link.Peer.Down, link.Peer.Up, "no carrier"},
		{"deleted and made again", link.Delete, func() { link.Recreate(nil) }, "gone"},
		{"another MAC address", link.Delete, func() { link.Recreate(newMAC) }, "gone"},
		{"two changes at once", func() {}, func() { link.Recreate(nil); link.Recreate(newMAC) }, "up"},
	} {
		step.off()
		s := c.WaitStatus(step.name+": interface is "+step.state, func(s *api.Status) bool { return s.Interfaces[0].State == step.state })
		if step.state != "up" {
			alarmed(t, s, "eth0")
		}
		back := time.Now()
		step.back()
		c.waitTraffic(t)
		took := time.Since(back)
		if took > within {
			t.Errorf("%s: traffic resumed after %v", step.name, took)
		}
		s = c.WaitStatus(step.name+": all is well", func(s *api.Status) bool {
			return s.Interfaces[0].State == "up" && s.Interfaces[0].MAC == link.MAC().String() && len(s.Alarms) == 0
		})
		t.Logf("%s: traffic resumed after %v", step.name, took.Round(time.Millisecond))
		if s.Guard != "on" {
			t.Errorf("%s: the guard is %s", step.name, s.Guard)
		}
		checkTables(t, c.Director, "lvsdr_eth0")
		c.WaitServing()
		c.ServedBy(30, "/")
		if got := c.Client.Neighbor(c.VIP); !bytes.Equal(got, link.MAC()) {
			t.Errorf("%s: the client sends to %v, the director is %v", step.name, got, link.MAC())
		}
		if n := c.Director.SNMP("Ip.ForwDatagrams"); n != 0 {
			t.Errorf("%s: the kernel has forwarded %d packets to VIPs: the guard was missing", step.name, n)
		}
	}
}

// waitTraffic asks for pages until one comes, each time with little patience.
func (c *cluster) waitTraffic(t *testing.T) {
	t.Helper()
	dialer := &net.Dialer{Timeout: 150 * time.Millisecond}
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		var conn net.Conn
		conn, err = c.Client.DialWith(t.Context(), dialer, "tcp4", fmt.Sprintf("%v:80", c.VIP))
		if err == nil {
			conn.Close()
			return
		}
	}
	t.Fatalf("no traffic after %v: %v", patience, err)
}
