package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"lvsdr/admin/api"
)

// vipState returns what the status says of the cluster's VIP.
func (c *cluster) vipState(s *api.Status) *api.VIP {
	for i := range s.VIPs {
		if s.VIPs[i].Address == c.VIP.String() {
			return &s.VIPs[i]
		}
	}
	c.t.Fatalf("no VIP %v in %+v", c.VIP, s.VIPs)
	return nil
}

// claimantOf returns what a VIP's status says of the host with that MAC address.
func claimantOf(v *api.VIP, m *machine) *api.Claimant {
	for i := range v.Claimants {
		if v.Claimants[i].MAC == m.Link.MAC().String() {
			return &v.Claimants[i]
		}
	}
	return nil
}

// TestLANConflictRefuse: another host has the VIP when the director starts. The
// director does not answer for it, and names that host, until it is gone or
// `conflict: takeover`.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┤
//	director ┘              └── foreign  VIP on eth0
func TestLANConflictRefuse(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Servers: 1, Serve: serveGo})
	foreign := c.connect("foreign", c.LAN, lanSubnet, 66)
	foreign.Link.AddAddr(netip.PrefixFrom(c.VIP, 24))
	mac := foreign.Link.MAC().String()
	c.Start()
	line := c.WaitLog(0, "event=refused")
	if !strings.Contains(line, mac) || !strings.Contains(line, c.VIP.String()) {
		t.Errorf("logged %s, want %s and %v", line, mac, c.VIP)
	}
	s := c.WaitStatus("the VIP is refused", func(s *api.Status) bool { return c.vipState(s).State == "refused" })
	if v := c.vipState(s); v.RefusedBy != mac || claimantOf(v, foreign) == nil {
		t.Errorf("status: %+v, want it refused by %s", *v, mac)
	}
	alarmed(t, s, c.VIP.String(), mac)
	if _, err := c.Get("/"); err == nil {
		t.Error("the foreign host, which serves nothing, served a page")
	}
	if got := c.Client.Neighbor(c.VIP); !bytes.Equal(got, foreign.Link.MAC()) {
		t.Errorf("the client sends to %v, not to the foreign host: the director answered", got)
	}

	c.Stop()
	c.cfg.Settings = "conflict: takeover\n"
	c.WriteConfig(c.Config())
	c.Start()
	s = c.WaitServing()
	alarmed(t, s, c.VIP.String(), mac)
	if v := c.vipState(s); v.RefusedBy != "" || claimantOf(v, foreign) == nil {
		t.Errorf("status: %+v, want it claimed beside %s", *v, mac)
	}
	c.ServedBy(20, "/")
	if got := c.Client.Neighbor(c.VIP); !bytes.Equal(got, c.Director.Link.MAC()) {
		t.Errorf("the client sends to %v, not to the director", got)
	}
}

// TestLANConflictRealServer: a real server was not set up as one and answers ARP
// for the VIP. The director claims the VIP all the same, and names the server.
// Then a host that is no real server claims it: it is named, and the client is
// won back.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┤
//	director ┘              └── web2  VIP on eth0
func TestLANConflictRealServer(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Servers: 2, Serve: serveGo})
	web2 := c.Servers[1]
	web2.Undo()
	web2.Link.AddAddr(netip.PrefixFrom(c.VIP, 32))
	c.Start()
	s := c.WaitServing()
	if v := c.vipState(s); claimantOf(v, web2.machine) == nil || claimantOf(v, web2.machine).RealServer != web2.Addr.String() {
		t.Errorf("status: %+v, want web2 among the claimants", *v)
	}
	alarmed(t, s, web2.Addr.String(), web2.Link.MAC().String(), c.VIP.String())
	line := c.WaitLog(0, "event=conflict")
	if !strings.Contains(line, web2.Addr.String()) || !strings.Contains(line, web2.Link.MAC().String()) {
		t.Errorf("logged %s, want web2 in it", line)
	}
	if a := alarm(s, web2.Addr.String()); a != nil && !strings.Contains(a.Remedy, "realserver apply --vip 192.0.2.10") {
		t.Errorf("remedy: %s", a.Remedy)
	}
	web2.Link.DeleteAddr(netip.PrefixFrom(c.VIP, 32))
	web2.Apply()

	c.ServedBy(20, "/")
	foreign := c.connect("foreign", c.LAN, lanSubnet, 66)
	mark := c.Run.Mark()
	announce(t, foreign.Link, c.VIP, foreign.Link.MAC())
	c.WaitLog(mark, "VIP 192.0.2.10 is claimed by "+foreign.Link.MAC().String()+" too (announcement)")
	c.WaitLog(mark, "event=defended")
	s = c.WaitStatus("the foreign host is named", func(s *api.Status) bool { return claimantOf(c.vipState(s), foreign) != nil })
	alarmed(t, s, foreign.Link.MAC().String(), c.VIP.String())
	if v := c.vipState(s); v.State == "refused" || v.MAC != c.Director.Link.MAC().String() {
		t.Errorf("status: %+v", *v)
	}
	c.ServedBy(20, "/")
	if got := c.Client.Neighbor(c.VIP); !bytes.Equal(got, c.Director.Link.MAC()) {
		t.Errorf("the client sends to %v, not to the director", got)
	}
}
