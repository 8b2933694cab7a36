package healthcheck

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lvsdr/lab"
)

// TestLANICMP: echo requests, over IPv4 and IPv6.
func TestLANICMP(t *testing.T) {
	c := newCluster(t)
	for _, addr := range []netip.Addr{server4, server6} {
		c.expect("up", spec("icmp"), addr, 0, true, "echo reply")
	}
	c.expect("itself", spec("icmp"), netip.MustParseAddr("192.0.2.1"), 0, true, "echo reply")
	c.server.SetSysctl("net.ipv4.icmp_echo_ignore_all", "1")
	c.expect("silence", short(spec("icmp")), server4, 0, false, "no answer within")
	c.server.SetSysctl("net.ipv4.icmp_echo_ignore_all", "0")
	c.gone(func() {
		for _, addr := range []netip.Addr{server4, server6} {
			c.expect("no address", short(spec("icmp")), addr, 0, false, "no answer within")
			c.expect("no address, neighbour given up", patient(spec("icmp")), addr, 0, false, "no route to host")
		}
	})
	c.wire.Peer.Down()
	c.expect("no carrier", short(spec("icmp")), server4, 0, false, "no answer within")
	c.expect("no route", spec("icmp"), netip.MustParseAddr("198.51.100.1"), 0, false, "network is unreachable")
}

// TestLANICMPCrowd: many probes of one server at once each take their own reply.
func TestLANICMPCrowd(t *testing.T) {
	c := newCluster(t)
	results := make(chan Result)
	const n = 50
	for range n {
		go func() { results <- c.probe(spec("icmp"), server4, 0) }()
	}
	for range n {
		if r := <-results; !r.OK {
			t.Error(r.Message)
		}
	}
}

// TestLANARP: the server's MAC address, in ARP and in neighbour discovery.
func TestLANARP(t *testing.T) {
	c := newCluster(t)
	is := "is at " + c.wire.MAC().String() + " on eth0"
	c.expect("ARP", spec("arp"), server4, 0, true, is)
	c.expect("neighbour discovery", spec("arp"), server6, 0, true, is)
	if mac := c.prober.Neighbor(server4); mac != nil {
		t.Errorf("the host's kernel has learned %v: a probe is none of its business", mac)
	}
	// As on a real server, for a VIP.
	c.prober.FlushNeighbors()
	c.server.SetSysctl("net.ipv4.conf.all.arp_ignore", "8")
	c.expect("ARP gone", short(spec("arp")), server4, 0, false, "no answer within")
	c.expect("ARP gone, tcp", short(spec("tcp")), server4, 80, false, "no answer within")
	c.expect("neighbour discovery goes on", spec("arp"), server6, 0, true, is)
	c.server.SetSysctl("net.ipv4.conf.all.arp_ignore", "0")
	c.expect("ARP is back", spec("arp"), server4, 0, true, is)
	c.gone(func() {
		c.expect("no address", short(spec("arp")), server4, 0, false, "no answer within")
		c.expect("no address, IPv6", short(spec("arp")), server6, 0, false, "no answer within")
	})
	c.wire.SetMAC(lab.MustMAC("02:00:00:00:00:99"))
	c.expect("another MAC", spec("arp"), server4, 0, true, "is at 02:00:00:00:00:99")
	c.expect("no route", spec("arp"), netip.MustParseAddr("198.51.100.1"), 0, false, "no route to 198.51.100.1")
	c.prober.AddRoute(lab.Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Via: server4})
	c.expect("behind a router", spec("arp"), netip.MustParseAddr("198.51.100.1"), 0, false, "behind the router 192.0.2.21")
	c.expect("itself", spec("arp"), netip.MustParseAddr("192.0.2.1"), 0, false, "not an Ethernet")
}

// TestLANLeaks is TestLeaks for the kinds that need root.
func TestLANLeaks(t *testing.T) {
	c := newCluster(t)
	for _, kind := range []string{"icmp", "arp"} {
		for _, addr := range []netip.Addr{server4, server6} {
			c.expect(kind, spec(kind), addr, 0, true, "")
		}
		good, err := New(spec(kind), Target{Addr: server4}, Way{})
		if err != nil {
			t.Fatal(err)
		}
		bad, err := New(spec(kind), Target{Addr: netip.MustParseAddr("192.0.2.99")}, Way{})
		if err != nil {
			t.Fatal(err)
		}
		err = c.prober.Do(func() error {
			before := settled(t)
			for i := range 1000 {
				probe, limit, ok := good, 2*time.Second, true
				if i%100 == 99 {
					probe, limit, ok = bad, 5*time.Millisecond, false
				}
				ctx, cancel := timeout(t, limit)
				r := probe.Check(ctx)
				cancel()
				if r.OK != ok {
					return fmt.Errorf("probe %d: %s", i, r.Message)
				}
			}
			expectSettled(t, before)
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestLANExec: a program asks on the network where the director is, as another
// user.
func TestLANExec(t *testing.T) {
	c := newCluster(t)
	s := spec("exec")
	s.Command = JoinCommand([]string{"/bin/bash", "-c", `exec 2>/dev/null; : </dev/tcp/$DIRECTOR_ADDRESS/$DIRECTOR_PORT && echo open as $(id -un)`})
	server := c.start("iperf3", "iperf3", "-s")
	c.awaitUp(server, spec("tcp"), server4, 5201)
	c.expect("up", s, server4, 5201, true, "open as nobody")
	if r := c.probe(s, server4, 5202); r.OK || !strings.Contains(r.Message, "exit code 1") {
		t.Errorf("refused: %+v", r)
	}
	c.gone(func() { c.expect("no address", short(s), server4, 5201, false, "no answer within") })
}
