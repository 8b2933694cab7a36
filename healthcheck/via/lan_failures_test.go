package via

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"lvsdr/lab"
)

// TestLANFailures: every kind against servers that all have the VIP, and are well,
// slow, stuck, without services, cut off, or lost to ARP.
func TestLANFailures(t *testing.T) {
	const pace = 100 * time.Millisecond
	s := newSegment(t)
	hosts := make(map[int]*lab.Host)
	wires := make(map[int]*lab.Link)
	var servers []Server
	for n := 21; n <= 24; n++ {
		hosts[n] = s.lab.Host(map[int]string{21: "well", 22: "slow", 23: "stuck", 24: "empty"}[n])
		wires[n] = s.lab.Connect(hosts[n], s.sw, lab.LinkConfig{Addrs: []netip.Prefix{netip.PrefixFrom(rip(n), 24)}})
		hosts[n].SetSysctl("net.ipv4.conf.all.arp_ignore", "1")
		hosts[n].Interface("lo").AddAddr(netip.PrefixFrom(vip, 32))
		servers = append(servers, Server{Addr: rip(n), VIPs: []netip.Addr{vip}, Programs: true})
	}
	for n, p := range map[int]time.Duration{21: 0, 22: pace} {
		serveKinds(t, hosts[n], p)
		l, err := hosts[n].Listen("tcp", "[::]:80")
		if err != nil {
			t.Fatal(err)
		}
		go serveName(slowListener{l, p}, hosts[n].Name())
	}
	hang(t, hosts[23])
	s.open()
	s.set(servers...)
	s.quiet()
	// expect asks one server by all kinds.
	expect := func(what string, n int, limit time.Duration, want func(kind string) (ok bool, message string)) {
		t.Helper()
		var all sync.WaitGroup
		for _, k := range kindsOf(hosts[n].Name()) {
			c := s.checker(k, servers[n-21])
			all.Go(func() {
				r := s.runFor(c, limit)
				if ok, message := want(k.Kind); r.OK != ok || !strings.Contains(r.Message, message) {
					t.Errorf("%s: %s: %+v, want %v, %q", what, c, r, ok, message)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	const short = 300 * time.Millisecond
	down := func(kind string) (bool, string) { return false, "no answer within" }
	expect("well", 21, patience, func(string) (bool, string) { return true, "" })
	expect("slow", 22, patience, func(string) (bool, string) { return true, "" })
	expect("slower than the timeout", 22, pace/2, func(kind string) (bool, string) {
		if kind == "icmp" {
			return true, "" // it is its kernel that answers
		}
		return down(kind)
	})
	expect("stuck", 23, short, func(kind string) (bool, string) {
		if kind == "icmp" {
			return true, ""
		}
		return down(kind)
	})
	expect("without services", 24, patience, func(kind string) (bool, string) {
		switch kind {
		case "icmp":
			return true, ""
		case "exec":
			return false, "exit code 1"
		}
		return false, "connection refused"
	})
	cut := wires[21].Drop(lab.Match{})
	expect("cut off", 21, short, down)
	cut.Remove()
	s.director.FlushNeighbors()
	hosts[21].SetSysctl("net.ipv4.conf.all.arp_ignore", "8")
	expect("lost to ARP", 21, short, down)
	hosts[21].SetSysctl("net.ipv4.conf.all.arp_ignore", "1")
	s.director.FlushNeighbors()
	expect("well again", 21, patience, func(string) (bool, string) { return true, "" })
}

// hang has a host take all that comes to the ports of serveKinds, and say nothing, as
// one whose programs are stuck.
func hang(t *testing.T, h *lab.Host) {
	t.Helper()
	for _, k := range kindsOf("") {
		if k.Kind == "icmp" {
			continue
		}
		port := netip.AddrPortFrom(netip.IPv4Unspecified(), k.port).String()
		if l, err := h.Listen("tcp4", port); err == nil {
			t.Cleanup(func() { l.Close() })
		}
		if c, err := h.ListenPacket("udp4", port); err == nil {
			t.Cleanup(func() { c.Close() })
		}
	}
}
