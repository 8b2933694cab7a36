package main

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"lvsdr/lab"
)

var (
	farmSubnet = netip.MustParsePrefix("203.0.113.0/24")
	awaySubnet = netip.MustParsePrefix("198.51.100.0/25")
	awayVIP    = netip.MustParseAddr("198.51.100.200") // in no subnet
	virtualMAC = net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x01, 51}
)

// twoArms is a cluster whose director has the clients on one side and the real
// servers on the other. The VIP belongs to no subnet: the router has a route to
// it via the director's address, the near client one that leads onto the LAN.
// Replies reach the clients through the router.
//
//	client .100 ── away, 198.51.100.0/25 ── .1 router .1 ── farm
//	                                          │.1             │ 203.0.113.0/24
//	  near .100 ──────────────────────────── lan              ├── web1 .21
//	                            192.0.2.0/24  │               ├── web2 .22
//	                                          │ eth0     eth1 ├── web3 .23
//	                                       .2 director .2 ────┘
func twoArms(t *testing.T, settings string) (c *cluster, near *machine) {
	c = emptyCluster(t, clusterConfig{Settings: "egress: eth1\n" + settings}, awayVIP)
	away, farm := c.Lab.Switch("away"), c.Lab.Switch("farm")
	c.Client = c.connect("client", away, awaySubnet, 100)
	near = c.connect("near", c.LAN, lanSubnet, 100)
	c.Clients = []*machine{c.Client, near}
	c.Director = c.connect("director", c.LAN, lanSubnet, 2)
	c.plug(c.Director.Host, farm, farmSubnet, 2)

	router := c.Lab.Host("router")
	c.Router = router
	_, awayRouter := c.plug(router, away, awaySubnet, 1)
	_, lanRouter := c.plug(router, c.LAN, lanSubnet, 1)
	_, farmRouter := c.plug(router, farm, farmSubnet, 1)
	router.SetSysctl("net.ipv4.ip_forward", "1")

	host := netip.PrefixFrom(awayVIP, 32)
	router.AddRoute(lab.Route{Dst: host, Via: c.Director.Addr})
	c.Client.AddRoute(lab.Route{Via: awayRouter})
	near.AddRoute(lab.Route{Via: lanRouter})
	near.AddRoute(lab.Route{Dst: host, Dev: "eth0"})
	for i := range c.cfg.Servers {
		s := c.connect(fmt.Sprintf("web%d", i+1), farm, farmSubnet, 21+i)
		s.AddRoute(lab.Route{Via: farmRouter})
		c.addServer(s)
	}
	c.configure()
	return c, near
}

// TestLANTwoArms: the director forwards from one network to another, for a VIP
// that the clients reach by a route, under its own MAC address and under a
// virtual one.
func TestLANTwoArms(t *testing.T) {
	for _, test := range []struct {
		name, settings string
		virtual        bool
	}{
		{"mac interface", "", false},
		{"mac virtual", "mac: virtual\nrouter_id: 51\n", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, near := twoArms(t, test.settings)
			mac := c.Director.Link.MAC()
			if test.virtual {
				mac = virtualMAC
			}
			arp := near.Link.Capture(lab.Only(claims(c.VIP)))
			c.Start()
			c.WaitServing()
			for _, client := range c.Clients {
				served := c.servedBy(client, 30, "/")
				if served["web1"] != 10 || served["web2"] != 10 || served["web3"] != 10 {
					t.Errorf("%s: served by %v, want 10 each", client.Name(), served)
				}
			}
			if got := near.Neighbor(c.VIP); got.String() != mac.String() {
				t.Errorf("the near client sends to %v, want %v", got, mac)
			}
			if port := c.LAN.Port(mac); port != c.Director.Link.Peer.Name() {
				t.Errorf("the switch has learned %v behind %q, want %q", mac, port, c.Director.Link.Peer.Name())
			}
			c.CheckClaims(arp, mac.String())
			c.CheckNothingDropped()
		})
	}
}

// TestLANVirtualMAC: a director with a virtual MAC address on a single network.
// Nothing else on the LAN sends under it or is sent to by another.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┼── web2
//	director ┘              └── web3
func TestLANVirtualMAC(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Settings: "mac: virtual\nrouter_id: 51\n", CountFrames: true})
	arp := c.Client.Link.Capture(lab.Only(claims(c.VIP)))
	c.Start()
	c.WaitServing()
	for range 5 {
		c.Client.FlushNeighbors()
		if served := c.ServedBy(6, "/"); served["web1"] != 2 || served["web2"] != 2 || served["web3"] != 2 {
			t.Errorf("served by %v, want 2 each", served)
		}
	}
	if got := c.Client.Neighbor(c.VIP); got.String() != virtualMAC.String() {
		t.Errorf("the client sends to %v, want %v", got, virtualMAC)
	}
	if port := c.LAN.Port(virtualMAC); port != c.Director.Link.Peer.Name() {
		t.Errorf("the switch has learned %v behind %q, want %q", virtualMAC, port, c.Director.Link.Peer.Name())
	}
	c.CheckClaims(arp, virtualMAC.String())
	c.CheckFrames()
	c.CheckNothingDropped()
}
