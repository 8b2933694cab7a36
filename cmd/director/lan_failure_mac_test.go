package main

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/arp"
	"lvsdr/frame"
	"lvsdr/lab"
)

// announce sends a gratuitous ARP request, which says that addr is at that MAC
// address, out of the interface.
func announce(t *testing.T, from *lab.Link, addr netip.Addr, mac net.HardwareAddr) {
	t.Helper()
	sender := frame.MAC(mac)
	p := arp.Packet{
		Destination: frame.Broadcast, Source: sender, Operation: arp.Request,
		SenderMAC: sender, SenderIP: addr, TargetIP: addr,
	}
	b, err := p.Encode()
	if err == nil {
		err = from.Inject(b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLANServerMACChanges: a real server gets another MAC address and announces
// it, as after a change of its card. The director verifies that and follows;
// what others say of a server's address is not believed, and they are named.
//
//	client ──┐          ┌── web1  its MAC address changes
//	         ├── switch ┤
//	director ┘          └── web2
func TestLANServerMACChanges(t *testing.T) {
	t.Parallel()
	const within = 2 * time.Second
	c := newCluster(t, clusterConfig{Servers: 2, Serve: serveGo, StaticARP: true})
	web1, web2 := c.Servers[0], c.Servers[1]
	both := func(what string) {
		t.Helper()
		if served := c.ServedBy(20, "/"); served["web1"] < 8 || served["web2"] < 8 {
			t.Errorf("%s: served by %v", what, served)
		}
	}
	newMAC := lab.MustMAC("02:00:00:00:ff:21")
	oldMAC := web1.Link.MAC()

	mark, moved := c.Run.Mark(), time.Now()
	web1.Link.SetMAC(newMAC)
	announce(t, web1.Link, web1.Addr, newMAC)
	c.WaitLog(mark, `msg="real server 192.0.2.21 moved from `+oldMAC.String()+" to "+newMAC.String())
	took := time.Since(moved)
	t.Logf("the director followed after %v", took.Round(time.Millisecond))
	if took > within {
		t.Errorf("the director followed after %v", took)
	}
	c.WaitStatus("web1 is used at its new MAC address", func(s *api.Status) bool {
		rs := serverStatus(s, web1)
		return rs.MAC == newMAC.String() && rs.Weight == 1
	})
	both("web1 moved")

	// The client claims to be web2: by announcements, and by replies to the
	// director that nobody has asked for.
	liar := c.Client.Link
	for what, lie := range map[string]func(){
		"announcement": func() { announce(t, liar, web2.Addr, liar.MAC()) },
		"reply": func() {
			p := arp.Packet{
				Destination: frame.MAC(c.Director.Link.MAC()), Source: frame.MAC(liar.MAC()), Operation: arp.Reply,
				SenderMAC: frame.MAC(liar.MAC()), SenderIP: web2.Addr,
				TargetMAC: frame.MAC(c.Director.Link.MAC()), TargetIP: c.Director.Addr,
			}
			b, err := p.Encode()
			if err == nil {
				err = liar.Inject(b)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		mark := c.Run.Mark()
		for range 5 {
			lie()
		}
		both("a lie by " + what)
		if what == "announcement" {
			c.WaitLog(mark, "real server 192.0.2.22: "+liar.MAC().String()+" claims its address and is not believed")
		}
		if rs := serverStatus(c.Status(), web2); rs.MAC != web2.Link.MAC().String() {
			t.Errorf("%s: the director believes that web2 is at %s", what, rs.MAC)
		}
	}
}

// TestLANServerMACChangesSilently: nobody tells the director that the MAC
// address of a real server is another. The checks notice that it is silent, and
// the director asks where it is, which tells the kernel, and so the checks, too.
//
//	client ──┐          ┌── web1  its MAC address changes
//	         ├── switch ┤
//	director ┘          └── web2
func TestLANServerMACChangesSilently(t *testing.T) {
	t.Parallel()
	const within = 10 * time.Second
	c := newCluster(t, clusterConfig{Servers: 2, Serve: serveGo, StaticARP: true, Check: checkBounded})
	web1 := c.Servers[0]
	newMAC := lab.MustMAC("02:00:00:00:ff:21")
	mark, moved := c.Run.Mark(), time.Now()
	web1.Link.SetMAC(newMAC)
	c.WaitLog(mark, `msg="real server is down"`)
	t.Logf("down after %v", time.Since(moved).Round(time.Millisecond))
	c.WaitStatus("web1 has left", func(s *api.Status) bool { return serverStatus(s, web1).Weight == 0 })
	if served := c.ServedBy(20, "/"); served["web2"] != 20 {
		t.Errorf("served by %v", served)
	}
	s := c.WaitStatus("web1 is used at its new MAC address", func(s *api.Status) bool {
		rs := serverStatus(s, web1)
		return rs.MAC == newMAC.String() && rs.Weight > 0
	})
	if took := s.Now.Sub(moved); took > within {
		t.Errorf("used again after %v", took)
	}
	t.Logf("used again after %v", time.Since(moved).Round(time.Millisecond))
	if served := c.ServedBy(20, "/"); served["web1"] < 8 || served["web2"] < 8 {
		t.Errorf("served by %v", served)
	}
}
