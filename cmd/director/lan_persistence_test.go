package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

// farNet is where the clients of these tests have their addresses. It is behind
// the client's link.
var farNet = netip.MustParsePrefix("10.0.0.0/8")

// farClients gives the client addresses, and the servers a route to them.
func (c *cluster) farClients(addrs ...netip.Addr) {
	c.t.Helper()
	for _, a := range addrs {
		c.Client.Link.AddAddr(netip.PrefixFrom(a, 32))
	}
	for _, s := range c.Servers {
		s.AddRoute(lab.Route{Dst: farNet, Dev: "eth0"})
	}
}

// TestLANPersistence: with a netmask of 24 all clients of a network stay on one
// server, until it dies, or is told to give them up.
//
//	client 10.1.1.1 … 5 ──┐              ┌── web1 .21
//	       10.1.2.1 … 5   ├── switch ────┼── web2 .22
//	       …              │              └── web3 .23
//	director .2 ──────────┘
func TestLANPersistence(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{
		Serve: serveGo, StaticARP: true, Settings: "restart_grace: 0s\n",
		Service: "    persistence: {timeout: 1m, netmask: 24}\n",
	})
	var addrs []netip.Addr
	for network := 1; network <= 9; network++ {
		for host := 1; host <= 5; host++ {
			addrs = append(addrs, netip.AddrFrom4([4]byte{10, 1, byte(network), byte(host)}))
		}
	}
	c.farClients(addrs...)
	const all = 6 // networks; the others come later
	at := c.networks(t, addrs[:5*all])
	if len(at) != all {
		t.Fatalf("%d networks have a server", len(at))
	}
	for name, networks := range byServer(at) {
		if len(networks) != all/3 {
			t.Errorf("%s has networks %v, want %d of %d", name, networks, all/3, all)
		}
	}
	c.checkTemplates(t, at)

	web1, dying := c.Servers[0], c.Servers[1]
	moved := func(what string, want func(network string) bool) {
		t.Helper()
		now := c.networks(t, addrs[:5*all])
		for network, name := range at {
			switch {
			case want(network) && now[network] == name:
				t.Errorf("%s: network %s is still on %s", what, network, now[network])
			case !want(network) && now[network] != name:
				t.Errorf("%s: network %s went from %s to %s", what, network, name, now[network])
			}
		}
		at = now
	}
	nobody := func(string) bool { return false }
	on := func(name string) func(string) bool {
		before := maps.Clone(at)
		return func(network string) bool { return before[network] == name }
	}

	c.Ipvsadm("-e -t 192.0.2.10:80 -r 192.0.2.21 -w 0")
	moved("weight 0", nobody)
	for network, name := range c.networks(t, addrs[5*all:]) {
		if name == web1.Name() {
			t.Errorf("weight 0: network %s, which is new, is on %s", network, name)
		}
	}
	if r, err := c.Reload(c.Config() + "ipvs: {expire_quiescent_template: 1}\n"); err != nil || !r.Changed {
		t.Fatalf("%+v, %v", r, err)
	}
	moved("expire_quiescent_template", on(web1.Name()))
	c.Ipvsadm("-e -t 192.0.2.10:80 -r 192.0.2.21 -w 1")
	moved("weight 1 again", nobody)

	for _, onFailure := range []string{"remove", "quiesce"} {
		if _, err := c.Reload(c.Config() + "    on_failure: " + onFailure + "\n"); err != nil {
			t.Fatal(err)
		}
		if len(byServer(at)[dying.Name()]) == 0 {
			dying = c.Servers[2] // that got all of them
		}
		dying.Kill()
		c.WaitStatus(dying.Name()+" has left", func(s *api.Status) bool { return serverStatus(s, dying).Weight == 0 })
		moved(onFailure+": it died", on(dying.Name()))
		dying.Serve()
		c.WaitServing()
		moved(onFailure+": it is back", nobody)
		c.checkTemplates(t, at)
	}
}

// networks makes two requests from each address, and returns the server of each
// network, which must be one.
func (c *cluster) networks(t *testing.T, addrs []netip.Addr) map[string]string {
	t.Helper()
	at := make(map[string]string)
	for _, addr := range addrs {
		network := netip.PrefixFrom(addr, 24).Masked().Addr().String()
		client := c.Client.BrowserAt(addr)
		for range 2 {
			name, err := c.get(client, "/")
			if err != nil {
				t.Fatalf("from %v: %v", addr, err)
			}
			if first, known := at[network]; known && name != first {
				t.Errorf("%v is on %s, and its network on %s", addr, name, first)
			}
			at[network] = name
		}
	}
	return at
}

func byServer(at map[string]string) map[string][]string {
	networks := make(map[string][]string)
	for network, name := range at {
		networks[name] = append(networks[name], network)
	}
	return networks
}

// checkTemplates compares the templates that are listed with the servers of the
// networks; there may be others.
func (c *cluster) checkTemplates(t *testing.T, at map[string]string) {
	t.Helper()
	found := 0
	for _, template := range c.Conns("--templates --vip 192.0.2.10:80") {
		network := strings.TrimSuffix(template.Client, ":0")
		name, ok := at[network]
		if !ok {
			continue
		}
		found++
		i := slices.IndexFunc(c.Servers, func(s *realServer) bool { return s.Name() == name })
		if want := c.Servers[i].Addr.String() + ":80"; template.Server != want || template.State != "ASSURED" || !template.Template {
			t.Errorf("network %s is on %s: %+v", network, want, template)
		}
	}
	if found != len(at) {
		t.Errorf("%d templates for %d networks", found, len(at))
	}
}

// TestLANPersistenceGroups: a client finds its server on all ports of a VIP
// where the service has port 0, and on all VIPs of a service that has several,
// which is what a firewall mark is for in IPVS.
//
//	client 10.2.0.1 … 6 ──┐              ┌── web1 .21
//	                      ├── switch ────┼── web2 .22
//	director .2 ──────────┘              └── web3 .23
func TestLANPersistenceGroups(t *testing.T) {
	t.Parallel()
	const services = `  - {name: any, address: 192.0.2.11:0, scheduler: rr, persistence: 1m, check: {kind: none}, real_servers: [192.0.2.21, 192.0.2.22, 192.0.2.23]}
  - {name: one, address: 192.0.2.11:8002, check: {kind: none}, real_servers: [192.0.2.22]}
  - {name: group, address: ["192.0.2.12:80", "192.0.2.13:8001-8002"], mark: 7, scheduler: rr, persistence: 1m, check: {kind: none}, real_servers: [192.0.2.21, 192.0.2.22, 192.0.2.23]}
`
	c := layCluster(t, clusterConfig{
		Serve: serveGo, StaticARP: true, Services: services, VIPs: []string{"192.0.2.11", "192.0.2.12", "192.0.2.13"},
	})
	for _, v := range c.cfg.VIPs {
		c.Client.SetNeighbor("eth0", netip.MustParseAddr(v), c.Director.Link.MAC())
	}
	c.Start()
	c.WaitServing()
	for _, s := range c.Servers {
		s.ServeOn(8001)
		s.ServeOn(8002)
	}
	var addrs []netip.Addr
	for host := 1; host <= 6; host++ {
		addrs = append(addrs, netip.AddrFrom4([4]byte{10, 2, 0, byte(host)}))
	}
	c.farClients(addrs...)
	for _, group := range []struct {
		name, filter string
		places       []string
		template     api.Connection // of each client, but for the client and the server
	}{
		{"port 0", "--service any", []string{"192.0.2.11:80", "192.0.2.11:8001", "192.0.2.11:80"}, api.Connection{VIP: "192.0.2.11:0"}},
		{"mark", "--service group", []string{"192.0.2.12:80", "192.0.2.13:8001", "192.0.2.13:8002", "192.0.2.12:80"}, api.Connection{Mark: 7}},
	} {
		servers := make(map[string]string) // by client
		for _, addr := range addrs {
			client := c.Client.BrowserAt(addr)
			for _, place := range group.places {
				name, err := fetch(client, "http://"+place)
				if err != nil {
					t.Fatalf("%s, from %v: %v", group.name, addr, err)
				}
				if first, known := servers[addr.String()]; known && name != first {
					t.Errorf("%s: %v was on %s, and is on %s at %s", group.name, addr, first, name, place)
				}
				servers[addr.String()] = name
			}
		}
		for name, clients := range byServer(servers) {
			if len(clients) != 2 {
				t.Errorf("%s: %s has clients %v", group.name, name, clients)
			}
		}
		templates := c.Conns("--templates " + group.filter)
		if len(templates) != len(addrs) {
			t.Errorf("%s: templates %+v", group.name, templates)
		}
		for _, got := range templates {
			if got.VIP != group.template.VIP || got.Mark != group.template.Mark || servers[strings.TrimSuffix(got.Client, ":0")] == "" {
				t.Errorf("%s: template %+v", group.name, got)
			}
		}
	}
	// A port with a service of its own is that one's.
	for _, addr := range addrs {
		if name, err := fetch(c.Client.BrowserAt(addr), "http://192.0.2.11:8002"); name != "web2" {
			t.Errorf("from %v: %s, %v", addr, name, err)
		}
	}
	if list := c.Ipvsadm("-Ln -f 7"); !strings.Contains(list, "FWM  7 rr persistent 60\n") {
		t.Errorf("ipvsadm -Ln -f 7:\n%s", list)
	}
	c.CheckNothingDropped()
	if list := c.Ask("conns", "--templates"); strings.Count(list, fmt.Sprintf("%-18s", "mark 7")) != len(addrs) {
		t.Errorf("conns --templates:\n%s", list)
	}
}
