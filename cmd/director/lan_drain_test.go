package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lvsdr/admin/api"
)

// closeAll closes connections, as clients do that have got what they wanted.
func closeAll(t *testing.T, conns []*idleConn) {
	t.Helper()
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// askAll makes a request on each connection, which must go on with its server.
func askAll(t *testing.T, when, name string, conns []*idleConn) {
	t.Helper()
	for _, c := range conns {
		if got, err := c.ask(); err != nil || got != name {
			t.Errorf("%s: an open connection to %s: %q, %v", when, name, got, err)
		}
	}
}

// TestLANDrain: a server is drained while clients have connections to it. No new one
// goes there, those that are there go on; when the last has ended, the server is out
// of service, and the command that waits for it says so. A second one is drained
// until a deadline. Neither a reload nor a SIGKILL takes an order back.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┼── web2 .22  drained until it is empty
//	director .2 ──┘              └── web3 .23  drained until the deadline
func TestLANDrain(t *testing.T) {
	c := newCluster(t, clusterConfig{Serve: serveGo, StaticARP: true, Settings: "restart_grace: 1s\ntimeouts: {tcpfin: 1s}\n"})
	web2, web3 := c.Servers[1], c.Servers[2]
	idle := c.openIdle(t, 30)
	if len(idle.byServer) != 3 {
		t.Fatalf("the connections went to %d servers", len(idle.byServer))
	}
	own := idle.byServer["web2"]
	ordered := strings.Fields(c.Ask("drain", "192.0.2.22"))
	if want := fmt.Sprintf("192.0.2.22:80 of web: draining, %d", len(own)); strings.Join(ordered[:5], " ") != want {
		t.Errorf("ordered: %q, want %q", ordered, want)
	}
	check := func(when string) {
		t.Helper()
		if served := c.ServedBy(30, "/"); served["web2"] != 0 || len(served) != 2 {
			t.Errorf("%s: new connections are served by %v", when, served)
		}
		askAll(t, when, "web2", own)
		rs := serverStatus(c.Status(), web2)
		if rs.State != "draining" || len(rs.Orders) != 1 || !strings.HasPrefix(rs.Orders[0].By, "root") {
			t.Errorf("%s: %+v", when, rs)
		}
	}
	check("at first")
	if _, err := c.Reload(strings.Replace(c.Config(), "tcpfin: 1s", "tcpfin: 2s", 1)); err != nil {
		t.Fatal(err)
	}
	check("after a reload")
	closeAll(t, own[1:])

	waiting := directorCommand(t.Context(), c.Director.Host, "drain", "192.0.2.22", "--wait", "--json", "--socket", c.socket())
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	c.waitOutput(waiting, `"left":1,`)
	askAll(t, "the last", "web2", own[:1])
	closeAll(t, own[:1])
	c.waitServer(web2, "maintenance")
	if err := waiting.Wait(); err != nil {
		t.Errorf("drain --wait: %v", err)
	}
	var lefts []int
	for line := range strings.Lines(waiting.Stdout()) {
		var o api.Ordered
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lefts = append(lefts, o.Servers[0].Left)
	}
	if !slices.IsSortedFunc(lefts, func(a, b int) int { return b - a }) || lefts[len(lefts)-1] != 0 {
		t.Errorf("shown: %v connections left", lefts)
	}

	others := idle.byServer["web3"]
	c.Ask("drain", "192.0.2.23:80", "--service", "web", "--deadline", "2s")
	askAll(t, "before the deadline", "web3", others)
	s := c.waitServer(web3, "maintenance")
	rs := serverStatus(s, web3)
	if took := rs.StateSince.Sub(rs.Orders[0].At); took < 2e9 || took > 2e9+busy || rs.Active+rs.Inactive != 0 {
		t.Errorf("cut off after %v: %+v", took, rs)
	}
	for _, conn := range others {
		if got, err := conn.ask(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after the deadline: %q, %v", got, err)
		}
	}
	if served := c.ServedBy(10, "/"); served["web1"] != 10 {
		t.Errorf("with one left, served by %v", served)
	}
	askAll(t, "the whole time", "web1", idle.byServer["web1"])
	c.Restart()
	c.WaitStatus("web1 serves", func(s *api.Status) bool { return serverStatus(s, c.Servers[0]).Weight > 0 })
	if served := c.ServedBy(10, "/"); served["web1"] != 10 {
		t.Errorf("after a restart, served by %v", served)
	}
	for _, s := range []*realServer{web2, web3} {
		if rs := serverStatus(c.Status(), s); rs.State != "maintenance" || len(rs.Orders) != 1 || rs.Health != "up" {
			t.Errorf("after a restart: %+v", rs)
		}
	}
	c.Ask("undrain", "192.0.2.22")
	c.Ask("undrain", "192.0.2.23")
	if served := c.ServedBy(40, "/"); len(served) != 3 {
		t.Errorf("both back, served by %v", served)
	}
}
