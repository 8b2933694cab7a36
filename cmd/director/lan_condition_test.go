package main

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lvsdr/admin/api"
)

// checkPort is where servers are checked that shall fail their checks and go on
// serving: one whose check fails is not one that is dead.
const (
	checkPort   = 8081
	checkBeside = "{kind: http, port: 8081, every: 200ms, timeout: 150ms, rise: 1, fall: 2}"
)

// checked are the answers to the checks of a cluster's servers.
type checked struct {
	t       *testing.T
	answers map[*realServer]*http.Server
}

// answerChecks makes all servers pass their checks.
func answerChecks(t *testing.T, c *cluster) *checked {
	k := &checked{t, make(map[*realServer]*http.Server)}
	for _, s := range c.Servers {
		k.pass(s)
	}
	return k
}

func (k *checked) pass(s *realServer) {
	k.t.Helper()
	var err error
	if k.answers[s], err = s.serveName(checkPort); err != nil {
		k.t.Fatal(err)
	}
}

func (k *checked) fail(s *realServer) {
	k.t.Helper()
	if err := k.answers[s].Close(); err != nil {
		k.t.Fatal(err)
	}
}

// waitServer waits until the server is in the state.
func (c *cluster) waitServer(s *realServer, state string) *api.Status {
	c.t.Helper()
	return c.WaitStatus(s.Name()+" is "+state, func(status *api.Status) bool { return serverStatus(status, s).State == state })
}

// waitPlan waits until the service web is served so.
func (c *cluster) waitPlan(plan string) *api.Status {
	c.t.Helper()
	return c.WaitStatus("plan "+plan, func(s *api.Status) bool { return s.Services[0].Quorum.Plan == plan })
}

// TestLANOnFailure: a server fails its checks, and goes on serving. Its connections
// are cut off, or go on, as the service says; nobody else is sent there, and the
// connections of the others are left alone.
func TestLANOnFailure(t *testing.T) {
	for _, mode := range []string{"remove", "quiesce"} {
		t.Run(mode, func(t *testing.T) {
			c := layCluster(t, clusterConfig{
				Serve: serveGo, Check: checkBeside, StaticARP: true,
				Settings: "restart_grace: 0s\n", Service: "    on_failure: " + mode + "\n",
			})
			checks := answerChecks(t, c)
			c.Start()
			c.WaitServing()
			victim := c.Servers[1]
			idle := c.openIdle(t, 9)
			checks.fail(victim)
			s := c.waitServer(victim, "down")
			if rs := serverStatus(s, victim); (rs.Active+rs.Inactive > 0) != (mode == "quiesce") {
				t.Errorf("it is down and has %d connections", rs.Active+rs.Inactive)
			}
			if served := c.ServedBy(40, "/"); served[victim.Name()] != 0 || served["web1"] < 15 || served["web3"] < 15 {
				t.Errorf("served by %v", served)
			}
			if mode == "quiesce" {
				idle.check(t, "nobody")
			} else {
				idle.check(t, victim.Name())
			}
			checks.pass(victim)
			c.waitServer(victim, "up")
			if served := c.ServedBy(30, "/"); served[victim.Name()] < 8 {
				t.Errorf("back, and served by %v", served)
			}
		})
	}
}

// TestLANSorryServer: with less than the quorum, clients get the sorry server, by
// direct routing like any other; the connections of the server that is left go on. When
// the quorum is back, so are the servers, and nobody stays with the sorry server.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┼── web2 .22   quorum: two of three
//	director .2 ──┘              ├── web3 .23
//	                             └── sorry .99
func TestLANSorryServer(t *testing.T) {
	c := layCluster(t, clusterConfig{
		Serve: serveGo, Check: checkBeside, StaticARP: true, Settings: "restart_grace: 0s\n",
		Service: "    quorum: {up: 2, down: 2}\n    sorry_server: 192.0.2.99\n",
	})
	sorry := &realServer{machine: c.connect("sorry", c.LAN, lanSubnet, 99), cluster: c, dir: filepath.Join(c.Dir, "sorry")}
	if err := os.Mkdir(sorry.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	sorry.Apply()
	sorry.Serve()
	checks := answerChecks(t, c)
	c.Start()
	c.WaitServing()
	if served := c.ServedBy(30, "/"); served["sorry"] != 0 || len(served) != 3 {
		t.Errorf("with all three, served by %v", served)
	}
	idle := c.openIdle(t, 9)
	checks.fail(c.Servers[0])
	c.waitServer(c.Servers[0], "down")
	if served := c.ServedBy(30, "/"); served["sorry"] != 0 || len(served) != 2 {
		t.Errorf("with two of three, served by %v", served)
	}
	checks.fail(c.Servers[1])
	s := c.waitPlan("sorry")
	alarmed(t, s, "service web has too few usable real servers: the sorry server 192.0.2.99:80 serves")
	if served := c.ServedBy(20, "/"); served["sorry"] != 20 {
		t.Errorf("with one of three, served by %v", served)
	}
	if listed := c.Ipvsadm("-Ln"); !strings.Contains(listed, "192.0.2.99:80") {
		t.Errorf("ipvsadm does not list it:\n%s", listed)
	}
	for _, conn := range idle.byServer["web3"] {
		if name, err := conn.ask(); err != nil || name != "web3" {
			t.Errorf("a connection to the server that is left: %q, %v", name, err)
		}
	}
	stuck, err := c.Client.Dial(t.Context(), "tcp4", net.JoinHostPort(c.VIP.String(), "80"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stuck.Close() })
	old := &idleConn{stuck, bufio.NewReader(stuck)}
	if name, err := old.ask(); err != nil || name != "sorry" {
		t.Errorf("a new connection: %q, %v", name, err)
	}
	checks.pass(c.Servers[1])
	c.waitPlan("normal")
	if name, err := old.ask(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("with two again, the connection to the sorry server: %q, %v", name, err)
	}
	if served := c.ServedBy(30, "/"); served["sorry"] != 0 || len(served) != 2 {
		t.Errorf("with two again, served by %v", served)
	}
	if listed := c.Ipvsadm("-Ln"); strings.Contains(listed, "192.0.2.99") {
		t.Errorf("ipvsadm lists it still:\n%s", listed)
	}
}

// TestLANFailOpen: when all checks fail, the checks may be what is wrong.
func TestLANFailOpen(t *testing.T) {
	c := layCluster(t, clusterConfig{Serve: serveGo, Check: checkBeside, Service: "    fail_open: on\n", StaticARP: true})
	checks := answerChecks(t, c)
	c.Start()
	c.WaitServing()
	for _, s := range c.Servers {
		checks.fail(s)
	}
	alarmed(t, c.waitPlan("open"), "service web has no real server that passes its checks")
	if served := c.ServedBy(30, "/"); served["web1"] < 8 || served["web2"] < 8 || served["web3"] < 8 {
		t.Errorf("served by %v", served)
	}
	checks.pass(c.Servers[2])
	c.waitPlan("normal")
	if served := c.ServedBy(12, "/"); served["web3"] != 12 {
		t.Errorf("one passes, served by %v", served)
	}
}

// TestLANSlowStart: the share of a server that returns grows, and ends as it was.
func TestLANSlowStart(t *testing.T) {
	const slowStart, requests = 6 * time.Second, 240
	c := layCluster(t, clusterConfig{
		Servers: 2, Serve: serveGo, Scheduler: "wrr", Check: checkBeside, StaticARP: true, Service: "    slow_start: 6s\n",
	})
	checks := answerChecks(t, c)
	c.Start()
	c.WaitServing()
	if served := c.ServedBy(20, "/"); served["web1"] < 8 || served["web2"] < 8 {
		t.Errorf("at the start, served by %v", served)
	}
	victim := c.Servers[1]
	checks.fail(victim)
	c.waitServer(victim, "down")
	checks.pass(victim)
	s := c.waitServer(victim, "warming")
	began := serverStatus(s, victim).StateSince
	var shares []int
	for range 3 {
		share := serverStatus(c.Status(), victim).Share
		served := c.ServedBy(requests, "/")[victim.Name()]
		now := serverStatus(c.Status(), victim)
		// A round of wrr is as long as the weights are great, so its parts differ.
		const uneven = requests / 12
		if low, high := requests*share/(100+share)-uneven, requests*now.Share/(100+now.Share)+uneven; served < low || served > high {
			t.Errorf("with a share of %d to %d %%, %d of %d went there", share, now.Share, served, requests)
		}
		shares = append(shares, served)
		next := now.Share
		c.WaitStatus("more of its share", func(s *api.Status) bool { return serverStatus(s, victim).Share > next+15 })
	}
	t.Logf("of %d connections each it got %v", requests, shares)
	if shares[0] > requests/5 || shares[1] <= shares[0] || shares[2] <= shares[1] {
		t.Error("its share does not grow")
	}
	s = c.waitServer(victim, "up")
	if took := serverStatus(s, victim).StateSince.Sub(began); took < slowStart || took > slowStart+busy {
		t.Errorf("slow start took %v", took)
	}
	if served := c.ServedBy(40, "/"); served[victim.Name()] < 17 {
		t.Errorf("at last, served by %v", served)
	}
}
