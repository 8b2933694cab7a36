package main

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/finding"
	"lvsdr/lab"
)

// waitAlarm waits until the status has an alarm of that kind with those texts.
func (c *cluster) waitAlarm(kind finding.Kind, texts ...string) *api.Alarm {
	c.t.Helper()
	var found *api.Alarm
	c.WaitStatus("alarm "+string(kind)+" with "+strings.Join(texts, ", "), func(s *api.Status) bool {
		found = alarm(s, texts...)
		return found != nil && found.Kind == string(kind)
	})
	return found
}

// waitQuiet waits until there is no alarm, for as long as what the director does not look at
// all the time may take.
func (c *cluster) waitQuiet() {
	c.t.Helper()
	s, ok := poll(100*time.Millisecond, time.Minute, c.Status, func(s *api.Status) bool { return len(s.Alarms) == 0 })
	if !ok {
		c.t.Fatalf("after a minute: %+v", s.Alarms)
	}
}

// mend runs an alarm's remedy on the machine that it names.
func (c *cluster) mend(a *api.Alarm, on *lab.Host, name string) {
	c.t.Helper()
	command, ok := strings.CutPrefix(a.Remedy, "on "+name+": ")
	if !ok {
		c.t.Fatalf("%s is to be mended on %q, want %s", a.What, a.Remedy, name)
	}
	if err := on.Command(c.t.Context(), "sh", "-ec", command).Run(); err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
}

// TestLANAlarmsHost: everything at the director's host that harms the VIPs' traffic is an
// alarm within 10 s, names the command that mends it, and ends when that was run.
//
//	client ── switch ── eth0 ── br0 director eth1 ── other
func TestLANAlarmsHost(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Servers: 1, Serve: serveNothing, StaticARP: true, Settings: "ingress: br0\n"})
	c.plug(c.Director.Host, c.Lab.Switch("other"), farmSubnet, 2)
	sh := func(line string) {
		t.Helper()
		if err := c.Director.Command(t.Context(), "sh", "-ec", line).Run(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	sh("ip link add br0 type bridge; ip link set br0 address " + mac(c.Director.Link) + "; ip link set br0 up; " +
		"ip addr del 192.0.2.2/24 dev eth0; ip link set eth0 master br0; ip addr add 192.0.2.2/24 dev br0")
	for _, name := range []string{"iptables", "arptables"} {
		c.Director.SetSysctl("net.bridge.bridge-nf-call-"+name, "0")
	}
	c.Start()
	c.WaitServing()
	c.waitQuiet()

	c.Director.SetSysctl("net.bridge.bridge-nf-call-iptables", "1")
	c.Director.SetSysctl("net.ipv4.ip_forward", "1") // the guard is on
	c.Director.SetSysctl("net.ipv4.conf.br0.proxy_arp", "1")
	c.Director.SetSysctl("net.ipv4.conf.br0.rp_filter", "1")
	sh("ip neigh add proxy 192.0.2.10 dev br0; ip route add 192.0.2.10 dev eth1")
	alarms := []*api.Alarm{
		c.waitAlarm(finding.HostKernel, "proxy_arp is on for br0, and the kernel forwards: it answers ARP for a VIP"),
		c.waitAlarm(finding.HostKernel, "the VIP 192.0.2.10 is among the proxy neighbours of br0"),
		c.waitAlarm(finding.HostReversePath, "rp_filter is 1 on br0, and for the VIP 192.0.2.10 its route is by eth1"),
		c.waitAlarm(finding.HostBridge, "frames that cross the bridge br0 pass the packet filter: bridge-nf-call-iptables"),
	}
	sh("ip route del 192.0.2.10 dev eth1")
	for _, a := range alarms {
		c.mend(a, c.Director.Host, finding.ThisHost)
	}
	c.waitQuiet()

	c.Director.SetSysctl("net.ipv4.ip_forward", "0")
	if _, err := c.Reload("guard: off\n" + c.Config()); err != nil {
		t.Fatal(err)
	}
	c.Director.SetSysctl("net.ipv4.ip_forward", "1")
	forwards := c.waitAlarm(finding.HostKernel, "the kernel forwards IPv4 from br0, and the guard is off")
	if !strings.Contains(forwards.Remedy, "sysctl -w net.ipv4.ip_forward=0") {
		t.Errorf("remedy %q", forwards.Remedy)
	}
	c.mend(c.waitAlarm(finding.HostRedirects, "send_redirects is on for br0, and the kernel forwards"), c.Director.Host, finding.ThisHost)
	c.Director.SetSysctl("net.ipv4.ip_forward", "0")
	c.Director.Interface("lo").AddAddr(netip.PrefixFrom(c.VIP, 32))
	c.mend(c.waitAlarm(finding.HostKernel, "the VIP 192.0.2.10 is an address of this host, on lo"), c.Director.Host, finding.ThisHost)
	c.waitQuiet()
}

// TestLANAlarmsMTU: the real servers' network carries smaller packets than the clients'.
func TestLANAlarmsMTU(t *testing.T) {
	t.Parallel()
	c, _ := twoArms(t, "")
	c.Start()
	c.WaitServing()
	c.Director.Interface("eth1").SetMTU(1400)
	a := c.waitAlarm(finding.HostMTU, "the MTU of eth1, 1400, is smaller than that of eth0, 1500")
	c.mend(a, c.Director.Host, finding.ThisHost)
	c.waitQuiet()
}

// TestLANAlarmsServers: two real servers with one MAC address, and a stranger with the
// address of one.
//
//	client ── switch ── director, web1, web2, stranger
func TestLANAlarmsServers(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Servers: 2, Serve: serveNothing, StaticARP: true})
	web1, web2 := c.Servers[0], c.Servers[1]
	stranger := c.connect("stranger", c.LAN, lanSubnet, 50)
	c.Start()
	c.WaitServing()

	web2.Link.SetMAC(web1.Link.MAC())
	announce(t, web2.Link, web2.Addr, web2.Link.MAC())
	a := c.waitAlarm(finding.ServerMAC, "the real servers 192.0.2.21 and 192.0.2.22 have one MAC address, "+mac(web1.Link))
	c.mend(a, web2.Host, "real server 192.0.2.22")
	announce(t, web2.Link, web2.Addr, web2.Link.MAC())
	c.waitQuiet()

	stranger.Link.AddAddr(netip.PrefixFrom(web2.Addr, 24))
	announce(t, stranger.Link, web2.Addr, stranger.Link.MAC())
	a = c.waitAlarm(finding.ServerAddress, "2 hosts answer ARP for real server 192.0.2.22", mac(web2.Link), mac(stranger.Link))
	c.mend(a, stranger.Host, "the one of them that is not to have the address")
	c.waitQuiet()
}

// TestLANAlarmsClaims: each way in which another host claims the VIP is named. A real
// server that does not answer ARP for the VIP, but asks with it, lacks arp_announce.
//
//	client ── switch ── director, web1, web2, stranger
func TestLANAlarmsClaims(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{Servers: 2, Serve: serveNothing})
	web2 := c.Servers[1]
	stranger := c.connect("stranger", c.LAN, lanSubnet, 50)
	c.Start()
	c.WaitServing()

	for _, key := range []string{"all", "eth0"} {
		web2.SetSysctl("net.ipv4.conf."+key+".arp_announce", "0")
	}
	// A datagram from the VIP makes the kernel ask for its destination.
	conn, err := web2.ListenPacket("udp4", netip.AddrPortFrom(c.VIP, 9).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.WriteTo([]byte{0}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.77:9"))); err != nil {
		t.Fatal(err)
	}
	a := c.waitAlarm(finding.VIPAtServer, "real server 192.0.2.22 ("+mac(web2.Link)+") asks by ARP with the VIP 192.0.2.10 as its own address")
	if !strings.HasPrefix(a.Remedy, "on real server 192.0.2.22: ") || !strings.HasSuffix(a.Remedy, "director realserver apply --vip 192.0.2.10") {
		t.Errorf("remedy %q", a.Remedy)
	}
	announce(t, stranger.Link, c.VIP, stranger.Link.MAC())
	c.waitAlarm(finding.VIPElsewhere, mac(stranger.Link)+" (locally administered), announces the VIP 192.0.2.10 by ARP")
}
