package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

// probeProtocol is who made what probes put into the host's routing.
const probeProtocol = 86

// routing is what the director's host has in its routing, a line each, but for what
// the kernel makes itself; ours is how much of that is the director's.
func (c *cluster) routing() (lines []string, ours int) {
	c.t.Helper()
	add := func(protocol int, format string, args ...any) {
		if protocol == probeProtocol {
			ours++
		}
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	err := c.Director.Do(func() error {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			rules, err := netlink.RuleList(family)
			if err != nil {
				return err
			}
			for _, r := range rules {
				add(int(r.Protocol), "%d %v mark %#x goto %d protocol %d", family, r, r.Mark, r.Goto, r.Protocol)
			}
			routes, err := netlink.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
			if err != nil {
				return err
			}
			for _, r := range routes {
				if r.Table != unix.RT_TABLE_LOCAL {
					add(int(r.Protocol), "%v", r)
				}
			}
			neighbors, err := netlink.NeighList(0, family)
			if err != nil {
				return err
			}
			for _, n := range neighbors {
				if n.State&netlink.NUD_PERMANENT != 0 {
					add(0, "neighbour %v at %v", n.IP, n.HardwareAddr)
				}
			}
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	slices.Sort(lines)
	return lines, ours
}

// health waits until the director believes this of a real server.
func (c *cluster) health(server *realServer, want string) {
	c.t.Helper()
	c.WaitStatus(server.Name()+" is "+want, func(s *api.Status) bool { return serverStatus(s, server).Health == want })
}

// TestLANServerWithoutVIP: web2 serves, but has no VIP on its lo. No client is sent
// there until it has.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┼── web2 .22, without the VIP at first
//	director .2 ──┘              └── web3 .23, by the method redirect
func TestLANServerWithoutVIP(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{CountFrames: true, Check: "{kind: http, every: 250ms, timeout: 250ms, rise: 1, fall: 3, via: vip}"})
	web1, web2, web3 := c.Servers[0], c.Servers[1], c.Servers[2]
	web2.Undo()
	web3.Undo()
	redirect := directorCommand(t.Context(), web3.Host, "realserver", "apply", "--method", "redirect",
		"--vip", c.VIP.String(), "--state-dir", web3.dir+"/redirect")
	if err := redirect.Run(); err != nil {
		t.Fatal(err)
	}
	c.Start()
	c.health(web1, "up")
	c.health(web2, "down")
	c.health(web3, "up")
	c.WaitStatus("the VIP is claimed", func(s *api.Status) bool { return s.VIPs[0].State == "owned" || s.VIPs[0].State == "announcing" })
	if served := c.ServedBy(20, "/"); served["web1"] != 10 || served["web3"] != 10 {
		t.Errorf("served by %v", served)
	}
	if n := web2.Requests("/"); n != 0 {
		t.Errorf("web2 answered %d requests", n)
	}
	web2.Apply()
	c.health(web2, "up")
	if served := c.ServedBy(30, "/"); served["web2"] != 10 {
		t.Errorf("web2 has the VIP; served by %v", served)
	}
	web2.Undo()
	c.health(web2, "down")

	// The server's own address tells nothing of that.
	if _, err := c.Reload(strings.ReplaceAll(c.Config(), "via: vip", "via: real")); err != nil {
		t.Fatal(err)
	}
	c.health(web2, "up")
	if _, ours := c.routing(); ours != 0 {
		t.Errorf("via real, %d rules and routes", ours)
	}
	s := c.CheckFrames()
	if n := verdicts(s, "ignore", "not_vip"); n == 0 {
		t.Errorf("no reply to a probe was seen and ignored: %+v", s.Frames)
	}
	c.CheckNothingDropped()
}

// TestLANProbesAreTidy: what a killed director has left in the host's routing, the
// next one removes, and the last one leaves nothing.
func TestLANProbesAreTidy(t *testing.T) {
	t.Parallel()
	c := layCluster(t, clusterConfig{StaticARP: true})
	c.Director.AddRoute(lab.Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Via: netip.MustParseAddr("192.0.2.1"), Table: 100})
	before, ours := c.routing()
	if ours != 0 {
		t.Fatalf("%d rules and routes before the start", ours)
	}
	pinned := strings.Replace(c.Config(), "192.0.2.23]", `{address: 192.0.2.23, mac: "02:00:00:02:00:23"}]`, 1)
	c.Servers[2].SetSysctl("net.ipv4.conf.all.arp_ignore", "8")
	c.WriteConfig(pinned)
	c.Start()
	c.WaitServing()
	full, ours := c.routing()
	// A rule and a route for each server, two rules more, and web3's neighbour.
	if ours != 3+3+2 || len(full) != len(before)+ours+1 {
		t.Errorf("%d rules and routes:\n%s", ours, strings.Join(full, "\n"))
	}
	c.Kill()
	if left, _ := c.routing(); !slices.Equal(left, full) {
		t.Errorf("left by SIGKILL:\n%s\nwere:\n%s", strings.Join(left, "\n"), strings.Join(full, "\n"))
	}
	// The next one has a server less, and pins nothing.
	c.WriteConfig(strings.Replace(c.Config(), ", 192.0.2.23]", "]", 1))
	c.Start()
	c.WaitServing()
	if now, ours := c.routing(); ours != 2+2+2 || len(now) != len(before)+ours {
		t.Errorf("after the kill:\n%s", strings.Join(now, "\n"))
	}
	c.Stop()
	if after, _ := c.routing(); !slices.Equal(after, before) {
		t.Errorf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// TestLANProbesSurviveTheInterface: the kernel drops routes with an interface that
// is set down, or deleted.
func TestLANProbesSurviveTheInterface(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{StaticARP: true})
	full, _ := c.routing()
	back := func(what string) {
		t.Helper()
		// The servers are checked again, and the last result is not from before.
		began := c.Status().Now
		c.WaitStatus("checked after the interface was "+what, func(s *api.Status) bool {
			for _, rs := range s.Services[0].Servers {
				if rs.Health != "up" {
					return false
				}
			}
			return s.Now.Sub(began) > 0 && len(s.Alarms) == 0
		})
		if now, ours := c.routing(); ours != 3+3+2 {
			t.Errorf("%s: there were\n%s\nthere are\n%s", what, strings.Join(full, "\n"), strings.Join(now, "\n"))
		}
	}
	c.Director.Link.Down()
	c.WaitStatus("an alarm", func(s *api.Status) bool { return len(s.Alarms) > 0 })
	c.Director.Link.Up()
	back("set up")
	c.Director.Link.Recreate(c.Director.Link.MAC())
	back("made again")
}

// TestLANReversePathFilter: a director with two arms drops the replies to its probes
// while rp_filter is strict. It says so, and its remedy helps.
func TestLANReversePathFilter(t *testing.T) {
	t.Parallel()
	c, _ := twoArms(t, "")
	c.Director.AddRoute(lab.Route{Dev: "eth0"})
	c.Director.SetSysctl("net.ipv4.conf.eth1.rp_filter", "1")
	c.Start()
	remedy := fmt.Sprintf("ip route add %v/32 dev eth1", c.VIP)
	health := func(s *api.Status, want string) bool {
		return !slices.ContainsFunc(s.Services[0].Servers, func(rs api.RealServer) bool { return rs.Health != want })
	}
	c.WaitStatus("an alarm, and all are down", func(s *api.Status) bool {
		return health(s, "down") && slices.ContainsFunc(s.Alarms, func(a api.Alarm) bool {
			return strings.Contains(a.What, "rp_filter is 1 on eth1") && strings.HasSuffix(a.Remedy, remedy)
		})
	})
	if !strings.Contains(c.Run.Output(), "rp_filter is 1 on eth1") {
		t.Error("the log says nothing")
	}
	c.Director.AddRoute(lab.Route{Dst: netip.PrefixFrom(c.VIP, 32), Dev: "eth1"})
	c.WaitStatus("all are up, without an alarm", func(s *api.Status) bool { return len(s.Alarms) == 0 && health(s, "up") })
}
