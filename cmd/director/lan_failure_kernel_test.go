package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

// TestLANKernelForwards: the host's kernel forwards, and the guard keeps it out
// of the VIPs' traffic: one copy of each packet reaches a server, and nobody is
// told of better ways.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┼── web2
//	director ┘              └── web3
//	ip_forward=1
func TestLANKernelForwards(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Serve: serveGo, StaticARP: true, CountFrames: true, Check: checkReal})
	c.Director.SetSysctl("net.ipv4.ip_forward", "1")
	toVIP := lab.Only(func(f lab.Frame) bool {
		_, dst := ipv4Addrs(f)
		return dst == c.VIP
	})
	sent := c.Client.Link.Capture(toVIP)
	arrived := c.Servers[0].Link.Capture(toVIP)
	arrived2, arrived3 := c.Servers[1].Link.Capture(toVIP), c.Servers[2].Link.Capture(toVIP)
	icmp := c.Client.Link.Capture(lab.Only(func(f lab.Frame) bool {
		return f.EtherType() == etherTypeIPv4 && gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.NoCopy).Layer(layers.LayerTypeICMPv4) != nil
	}))
	c.Start()
	c.WaitServing()
	c.ServedBy(100, "/")
	if s := c.CheckFrames(); s.Guard != "on" || len(s.Alarms) != 0 {
		t.Errorf("guard %s, alarms %+v", s.Guard, s.Alarms)
	}

	// What left the client is what arrived at the servers, each packet once.
	copies := make(map[string]int)
	for _, f := range sent.Frames() {
		copies[string(f.Data[ethernetLen:])]++
	}
	for _, capture := range []*lab.Capture{arrived, arrived2, arrived3} {
		for _, f := range capture.Frames() {
			copies[string(f.Data[ethernetLen:])]--
		}
	}
	if len(copies) < 500 {
		t.Errorf("only %d packets: this test says little", len(copies))
	}
	for _, surplus := range copies {
		if surplus != 0 {
			t.Errorf("of a packet, %d more were sent than arrived", surplus)
		}
	}
	if n := len(icmp.Frames()); n != 0 {
		t.Errorf("%d ICMP messages at the client; the first is %v", n, icmp.Frames()[0])
	}
	for _, name := range []string{"Ip.ForwDatagrams", "Icmp.OutMsgs", "Tcp.OutRsts"} {
		if n := c.Director.SNMP(name); n != 0 {
			t.Errorf("the kernel took part in the traffic: %s %d", name, n)
		}
	}
}

// TestLANKernelRefused: the director does not start where the host's kernel
// would take part in the VIPs' traffic, and says what to do about it.
//
//	client ── switch ── director   ip_forward=1, or the VIP
func TestLANKernelRefused(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Servers: 1, Serve: serveNothing, StaticARP: true})
	guarded := c.Config()
	unguarded := "guard: off\n" + guarded
	refused := func(what, config string, texts ...string) {
		t.Helper()
		c.WriteConfig(config)
		p := directorCommand(t.Context(), c.Director.Host, "run", "--config", c.File)
		began := time.Now()
		err := p.Run()
		if err == nil || p.ExitCode() != 1 {
			t.Errorf("%s: exit code %d, %v; want 1", what, p.ExitCode(), err)
		}
		for _, text := range texts {
			if !strings.Contains(p.Stderr(), text) {
				t.Errorf("%s: no %q in\n%s", what, text, p.Stderr())
			}
		}
		if took := time.Since(began); took > busy {
			t.Errorf("%s: refused after %v", what, took)
		}
		checkTables(t, c.Director)
	}
	c.Director.SetSysctl("net.ipv4.ip_forward", "1")
	refused("ip_forward=1 without the guard", unguarded,
		"the kernel forwards IPv4 from eth0, and the guard is off", "guard: on, or sysctl -w net.ipv4.ip_forward=0")
	c.Director.SetSysctl("net.ipv4.ip_forward", "0")

	local := netip.PrefixFrom(c.VIP, 32)
	for _, dev := range []string{"eth0", "lo"} {
		c.Director.Interface(dev).AddAddr(local)
		for what, config := range map[string]string{"with": guarded, "without": unguarded} {
			refused("the VIP on "+dev+" "+what+" the guard", config, c.VIP.String(), dev)
		}
		c.Director.Interface(dev).DeleteAddr(local)
	}
	c.WriteConfig(unguarded)
	c.Start()
	checkTables(t, c.Director)
	c.Stop()
}

// TestLANKernelWatched: what lets the kernel in while the director runs is found
// within 10 s: somebody takes the guard away, or gives the host the VIP. A reload
// that would let it in is refused.
//
//	client ── switch ── director
func TestLANKernelWatched(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Servers: 1, Serve: serveNothing, StaticARP: true})
	c.Start()
	deleteTable := c.Director.Command(t.Context(), needProgram(t, "nft", "nftables"), "delete", "table", "netdev", "lvsdr_eth0")
	if err := deleteTable.Run(); err != nil {
		t.Fatal(err)
	}
	checkTables(t, c.Director)
	c.Director.Interface("lo").AddAddr(netip.PrefixFrom(c.VIP, 32))
	s := c.WaitStatus("the VIP on lo is noticed", func(s *api.Status) bool { return alarm(s, "192.0.2.10", "lo") != nil })
	checkTables(t, c.Director, "lvsdr_eth0")
	alarmed(t, s, "guard")
	c.Director.Interface("lo").DeleteAddr(netip.PrefixFrom(c.VIP, 32))

	unguarded := "guard: off\n" + c.Config()
	if r, err := c.Reload(unguarded); err != nil || !r.Changed {
		t.Fatalf("reload with the guard off: %+v, %v", r, err)
	}
	checkTables(t, c.Director)
	c.Director.SetSysctl("net.ipv4.ip_forward", "1")
	if r, err := c.Reload(c.Config()); err != nil || !r.Changed {
		t.Fatalf("reload with the guard on: %+v, %v", r, err)
	}
	if s := c.Status(); s.Guard != "on" || len(s.Alarms) != 0 {
		t.Errorf("guard %s, alarms %+v", s.Guard, s.Alarms)
	}
	checkTables(t, c.Director, "lvsdr_eth0")
	if _, err := c.Reload(unguarded); err == nil || !strings.Contains(err.Error(), "ip_forward=0") {
		t.Errorf("reload with the guard off while the kernel forwards: %v", err)
	}
	if s := c.Status(); s.Guard != "on" {
		t.Errorf("guard %s after a reload that was refused", s.Guard)
	}
	checkTables(t, c.Director, "lvsdr_eth0")
}
