package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lvsdr/admin/api"
)

// ldirectordCluster is a cluster whose director has a VIP and no services but
// those given, and for whose services ldirectord is responsible.
func ldirectordCluster(t *testing.T, cfg clusterConfig, services, config string) (*cluster, *ldirectord) {
	t.Helper()
	cfg.StaticARP = true
	c := layCluster(t, cfg)
	c.WriteConfig(c.EmptyConfig(services))
	c.Start()
	return c, c.newLdirectord(config)
}

// refuses fails the test unless the VIP refuses a connection.
func (c *cluster) refuses(when string) {
	c.t.Helper()
	if name, err := c.Get("/"); err == nil || !strings.Contains(err.Error(), "refused") {
		c.t.Errorf("%s: a client got %q, %v; the VIP should refuse it", when, name, err)
	}
}

// TestLANLdirectord: ldirectord fills an empty director. A server whose checks
// fail is deleted, and its connections end; when all have died, the fallback
// serves; who is back is added again. Stopping ldirectord empties the director.
//
//	client .100 ──┐              ┌── web1 .21, web2 .22, web3 .23   nginx
//	              ├── switch ────┤
//	director .2 ──┘              └── web4 .24   nginx, the fallback
//	ldirectord
func TestLANLdirectord(t *testing.T) {
	t.Parallel()
	c, l := ldirectordCluster(t, clusterConfig{Servers: 4, Settings: "restart_grace: 0s\n"}, "", `
quiescent=no
virtual=192.0.2.10:80
	real=192.0.2.21:80 gate
	real=192.0.2.22:80 gate 2 l:500 u:1000
	real=192.0.2.23:80 gate 1 "who" "web3"
	fallback=192.0.2.24:80 gate
	service=http
	scheduler=wrr
	checktype=negotiate
	request="page"
	receive="web[12]"
`)
	const all = "TCP 192.0.2.10:80 wrr: 192.0.2.21:80 1, 192.0.2.22:80 2, 192.0.2.23:80 1"
	c.refuses("before ldirectord starts")
	l.Run("start")
	l.WaitListed("at first", all)
	if served := c.ServedBy(40, "/"); served["web1"] != 10 || served["web2"] != 20 || served["web3"] != 10 {
		t.Errorf("served by %v", served)
	}
	servers := c.Status().Services[0].Servers
	if !slices.ContainsFunc(servers, func(rs api.RealServer) bool { return rs.Lower == 500 && rs.Upper == 1000 }) {
		t.Errorf("no server has the thresholds 500 and 1000: %+v", servers)
	}

	idle := c.openIdle(t, 12)
	failing := l.FailChecks(c.Servers[0])
	l.WaitListed("checks of web1 fail", "TCP 192.0.2.10:80 wrr: 192.0.2.22:80 2, 192.0.2.23:80 1")
	idle.check(t, "web1")
	if served := c.ServedBy(12, "/"); served["web2"] != 8 || served["web3"] != 4 {
		t.Errorf("checks of web1 fail: served by %v", served)
	}
	failing.Remove()
	l.WaitListed("checks of web1 succeed", all)

	for _, s := range c.Servers[:3] {
		s.Kill()
	}
	l.WaitListed("all are dead", "TCP 192.0.2.10:80 wrr: 192.0.2.24:80 1")
	if served := c.ServedBy(5, "/"); served["web4"] != 5 {
		t.Errorf("all are dead: served by %v", served)
	}
	c.Servers[1].Serve()
	l.WaitListed("web2 is back", "TCP 192.0.2.10:80 wrr: 192.0.2.22:80 2")
	if served := c.ServedBy(5, "/"); served["web2"] != 5 {
		t.Errorf("web2 is back: served by %v", served)
	}
	c.Servers[0].Serve()
	c.Servers[2].Serve()
	l.WaitListed("all are back", all)

	idle = c.openIdle(t, 4)
	l.Stop()
	l.CheckListed("ldirectord is stopped", "")
	c.refuses("ldirectord is stopped")
	for name, conns := range idle.byServer {
		if got, err := conns[0].ask(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("ldirectord is stopped: on an open connection to %s, %q answers, %v; it should be reset", name, got, err)
		}
	}
	if log := l.logged(); strings.Contains(log, "failed") {
		t.Errorf("ldirectord had trouble:\n%s", log)
	}
}

// TestLANLdirectordQuiescent: a server whose checks fail gets weight 0. Its
// connections go on, and the clients that it remembers come again, unless
// expire_quiescent_template is set. ldirectord can be stopped and started, and
// the director reloaded, and nobody notices.
//
//	client  .100 ──┐
//	client2 .101 ──┼── switch ──┬── web1 .21   nginx
//	director .2  ──┘            └── web2 .22
//	ldirectord
func TestLANLdirectordQuiescent(t *testing.T) {
	t.Parallel()
	c, l := ldirectordCluster(t, clusterConfig{Clients: 2, Servers: 2}, "", `
quiescent=yes
cleanstop=no
virtual=192.0.2.10:80
	real=192.0.2.21:80 gate 3
	real=192.0.2.22:80 gate 3
	service=http
	scheduler=rr
	persistent=300
	netmask=255.255.255.255
	checktype=connect
`)
	list := func(web1, web2 int) string {
		return fmt.Sprintf("TCP 192.0.2.10:80 rr persistent 300: 192.0.2.21:80 %d, 192.0.2.22:80 %d", web1, web2)
	}
	l.Run("start")
	l.WaitListed("at first", list(3, 3))
	idle := c.openIdle(t, 1)
	victim, other := c.Servers[0], c.Servers[1]
	quiet := list(0, 3)
	if idle.byServer["web2"] != nil {
		victim, other, quiet = other, victim, list(3, 0)
	}
	goesOn := func(when string) {
		t.Helper()
		if name, err := idle.byServer[victim.Name()][0].ask(); err != nil || name != victim.Name() {
			t.Errorf("%s: a connection to %s is answered by %q, %v", when, victim.Name(), name, err)
		}
	}
	served := func(when string, m *machine, want *realServer) {
		t.Helper()
		if got := c.servedBy(m, 4, "/"); got[want.Name()] != 4 {
			t.Errorf("%s: %s is served by %v, want %s", when, m.Name(), got, want.Name())
		}
	}

	failing := l.FailChecks(victim)
	l.WaitListed("checks fail", quiet)
	goesOn("checks fail")
	served("checks fail", c.Clients[0], victim)
	served("checks fail", c.Clients[1], other)

	if _, err := c.Reload(c.EmptyConfig("ipvs: {expire_quiescent_template: 1}\n")); err != nil {
		t.Fatal(err)
	}
	l.CheckListed("the director is reloaded", quiet)
	goesOn("expire_quiescent_template")
	served("expire_quiescent_template", c.Clients[0], other)
	failing.Remove()
	l.WaitListed("checks succeed", list(3, 3))

	l.Stop()
	l.CheckListed("ldirectord is stopped", list(3, 3))
	served("ldirectord is stopped", c.Clients[1], other)
	l.Run("start")
	failing = l.FailChecks(victim)
	l.WaitListed("started again, checks fail", quiet)
	failing.Remove()
	l.WaitListed("started again", list(3, 3))
	goesOn("started again")
}

// TestLANLdirectordReload: what ldirectord.cf says at a reload is what the
// director has then, also when it was started anew and has forgotten all; unless
// its rules have kept it.
//
//	client .100 ──┐              ┌── web1 .21   nginx
//	              ├── switch ────┤
//	director .2 ──┘              └── web2 .22
//	ldirectord
func TestLANLdirectordReload(t *testing.T) {
	t.Parallel()
	c, l := ldirectordCluster(t, clusterConfig{Servers: 2}, "", `
fork=yes
virtual=192.0.2.10:80
	real=192.0.2.21:80 gate
	service=http
	scheduler=rr
virtual=192.0.2.10:81
	real=192.0.2.21:81 gate
	real=192.0.2.22:81 gate 3
	checktype=on
`)
	l.Run("start")
	l.WaitListed("at first", "TCP 192.0.2.10:80 rr: 192.0.2.21:80 1\nTCP 192.0.2.10:81 wrr: 192.0.2.21:81 1, 192.0.2.22:81 3")

	l.Configure(`
fork=yes
virtual=192.0.2.10:80
	real=192.0.2.22:80 gate 3
	service=http
	scheduler=mh
	schedflags=mh-port
virtual=192.0.2.10:53
	real=192.0.2.22:53 gate
	service=none
	ops=yes
`)
	const reloaded = "TCP 192.0.2.10:80 mh (mh-port): 192.0.2.22:80 3\nUDP 192.0.2.10:53 wrr ops: 192.0.2.22:53 1"
	served := func(when string) {
		t.Helper()
		if got := c.ServedBy(5, "/"); got["web2"] != 5 {
			t.Errorf("%s: served by %v", when, got)
		}
	}
	l.Run("reload")
	l.WaitListed("reloaded", reloaded)
	served("reloaded")

	c.Restart()
	l.CheckListed("the director is new", "")
	c.refuses("the director is new")
	l.Run("reload")
	l.WaitListed("the director is new, ldirectord reloaded", reloaded)
	served("the director is new, ldirectord reloaded")

	code, rules, stderr := runDirector("ipvsadm", "--socket", c.socket(), "-Sn")
	file := filepath.Join(c.Dir, "ipvsadm.rules")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil || code != 0 {
		t.Fatalf("ipvsadm -Sn: exit code %d, %v: %s", code, err, stderr)
	}
	c.WriteConfig(c.EmptyConfig(fmt.Sprintf("rules: %q\n", file)))
	c.Restart()
	l.CheckListed("the director is new and has rules", reloaded)
	c.WaitServing()
	served("the director is new and has rules")
}

// TestLANLdirectordMark: a virtual service that is a mark. Its servers are found
// again by the port that ldirectord.cf gives them, or gives them not. A fallback on
// the director's own host is refused, and ldirectord goes on without one.
//
//	client .100 ──┐              ┌── web1 .21   nginx
//	              ├── switch ────┤
//	director .2 ──┘              └── web2 .22
//	ldirectord
func TestLANLdirectordMark(t *testing.T) {
	t.Parallel()
	c, l := ldirectordCluster(t, clusterConfig{Servers: 2},
		"services:\n  - {name: seven, mark: 7, address: [192.0.2.10:80, 192.0.2.10:443], check: {kind: none}}\n", `
virtual=7
	real=192.0.2.21 gate 2
	real=192.0.2.22:80 gate
	fallback=127.0.0.1:80 gate
	service=http
	scheduler=wrr
	checktype=negotiate
	checkport=80
	receive="web"
`)
	const all = "FWM 7 wrr: 192.0.2.21:0 2, 192.0.2.22:80 1"
	l.Run("start")
	l.WaitListed("at first", all)
	if served := c.ServedBy(12, "/"); served["web1"] != 8 || served["web2"] != 4 {
		t.Errorf("served by %v", served)
	}
	for _, s := range c.Servers {
		s.Kill()
	}
	l.WaitListed("both are dead", "FWM 7 wrr:")
	c.refuses("both are dead")
	l.WaitLog("ipvsadm -a -f 7 -x 0 -y 0 -r 127.0.0.1:80 -g -w 1) failed")
	for _, s := range c.Servers {
		s.Serve()
	}
	l.WaitListed("both are back", all)

	l.Stop()
	l.CheckListed("ldirectord is stopped", "")
	c.refuses("ldirectord is stopped")
	l.Run("start")
	l.WaitListed("started again", all)
	if served := c.ServedBy(12, "/"); served["web1"] != 8 || served["web2"] != 4 {
		t.Errorf("started again: served by %v", served)
	}
}
