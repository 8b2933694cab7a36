package director_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/director/memhost"
	"lvsdr/healthcheck/via"
)

// wayTo is the way to the real server 192.0.2.n for probes of VIPs.
func wayTo(n int, vips ...netip.Addr) via.Server { return via.Server{Addr: real(n), VIPs: vips} }

func (r *rig) wantWays(why string, want ...via.Server) {
	r.Helper()
	egress, got := r.host.Ways()
	same := slices.EqualFunc(got, want, func(a, b via.Server) bool {
		return a.Addr == b.Addr && slices.Equal(a.VIPs, b.VIPs) && a.MAC == b.MAC && a.Programs == b.Programs
	})
	if egress != "eth0" || !same {
		r.Errorf("%s: ways by %q to %+v, want %+v", why, egress, got, want)
	}
}

// TestWaysFollow: reloads and changes at run time, until the end.
func TestWaysFollow(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.wantWays("start", wayTo(21, vip), wayTo(22, vip))
		mac := via.MAC(realMAC(23))
		more := strings.Replace(service("more", otherVIP, 21, 23), "192.0.2.23}", `192.0.2.23, mac: "`+realMAC(23).String()+`"}`, 1)
		r.mustReload(global + web(22) + more)
		r.wantWays("reload", wayTo(22, vip), wayTo(21, otherVIP), via.Server{Addr: real(23), VIPs: []netip.Addr{otherVIP}, MAC: mac})
		r.change(add.server(21, 1))
		r.wantWays("a server is added", wayTo(22, vip), wayTo(21, vip), wayTo(21, otherVIP), via.Server{Addr: real(23), VIPs: []netip.Addr{otherVIP}, MAC: mac})
		r.pass(time.Second)
		if rs := server(r.status(), "web", 21); rs.Health != "up" {
			t.Errorf("the server that was added: %+v", rs)
		}
		r.mustReload(global + strings.Replace(web(22), "kind: tcp", "kind: tcp, via: real", 1))
		r.wantWays("via real")
		r.stop()
		if egress, _ := r.host.Ways(); egress != "" {
			t.Error("the ways are there after the end")
		}
	})
}

// TestWaysRefused: what the host can never do is said at the start, and by a
// reload, which changes nothing.
func TestWaysRefused(t *testing.T) {
	within(t, func(r *rig) {
		for _, o := range []memhost.Operation{memhost.OpenWays, memhost.CheckWays} {
			r.host.Fail(o, errBoom)
			if err := r.try(); err == nil || !strings.Contains(err.Error(), "boom") {
				t.Errorf("%s: %v", o, err)
			}
			r.host.Fail(o, nil)
		}
		r.up()
		r.host.Fail(memhost.CheckWays, errBoom)
		if _, err := r.reload(global + web(23)); err == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("reload: %v", err)
		}
		r.wantWays("refused", wayTo(21, vip), wayTo(22, vip))
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
			t.Errorf("two connections went to %v", got)
		}
		r.mustReload(global + strings.Replace(web(22), "kind: tcp", "kind: tcp, via: real", 1))
	})
}

// TestWaysLookedAt: what keeps probes from their servers is an alarm, and in the
// log once.
func TestWaysLookedAt(t *testing.T) {
	within(t, func(r *rig) {
		r.host.SetProblems(via.Problem{What: "a rule is in the way", Why: "probes are lost", Remedy: "ip rule del priority 10"})
		r.start()
		r.pass(25 * time.Second)
		s := r.status()
		if len(s.Alarms) != 1 || s.Alarms[0].What != "a rule is in the way: probes are lost" || s.Alarms[0].Remedy != "ip rule del priority 10" {
			t.Errorf("alarms: %+v", s.Alarms)
		}
		if age := s.Now.Sub(s.Alarms[0].Since); age < 24*time.Second || r.log.count("a rule is in the way") != 1 {
			t.Errorf("the alarm lasts for %v\n%v", age, r.log)
		}
		r.host.SetProblems()
		r.pass(10 * time.Second)
		if s := r.status(); len(s.Alarms) != 0 {
			t.Errorf("mended: %+v", s.Alarms)
		}
		r.host.SetProblems(via.Problem{What: "probes are led astray"})
		r.pass(10 * time.Second)
		if s := r.status(); len(s.Alarms) != 1 || r.log.count("astray") != 1 {
			t.Errorf("later: %+v", s.Alarms)
		}
	})
}
