package main

import (
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"lvsdr/admin/api"
)

// loadAgent is a program on a real server that says which part of its weight it can do
// with.
type loadAgent struct {
	says   atomic.Pointer[string]
	server *http.Server
}

// serveAgent runs an agent on a real server until the test ends.
func serveAgent(t *testing.T, s *realServer, says string) *loadAgent {
	t.Helper()
	l, err := s.Listen("tcp4", net.JoinHostPort(s.Addr.String(), "9481"))
	if err != nil {
		t.Fatal(err)
	}
	a, ended := new(loadAgent), make(chan struct{})
	a.says.Store(&says)
	a.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Agent-Check", *a.says.Load())
	})}
	go func() {
		defer close(ended)
		_ = a.server.Serve(l)
	}()
	t.Cleanup(func() {
		a.server.Close()
		<-ended
	})
	return a
}

// waitPart waits until a server has a part of its weight in these limits.
func (c *cluster) waitPart(s *realServer, low, high int) *api.Status {
	c.t.Helper()
	return c.WaitStatus(s.Name()+" has another part of its weight", func(status *api.Status) bool {
		l := serverStatus(status, s).Load
		return l != nil && l.Says != nil && l.Part >= low && l.Part <= high
	})
}

// TestLANLoad: a server that says that it is busy gets less, and the more the less busy it
// says it is; one that wants nothing new gets nothing new, and one whose agent is gone
// gets all. web1 is asked by way of `director realserver run`.
//
//	client .100 ──┐              ┌── web1 .21  director realserver run --listen
//	              ├── switch ────┼── web2 .22  an agent
//	director .2 ──┘              └── web3 .23  an agent that says 100%
func TestLANLoad(t *testing.T) {
	c := layCluster(t, clusterConfig{
		Serve: serveGo, StaticARP: true, Scheduler: "wlc", // wrr serves in bursts of a whole round
		Service: "    dynamic_weight: {min: 10%, smoothing: 1s, agent: {port: 9481, every: 1s, timeout: 1s, fall: 3}}\n",
	})
	web1, web2, web3 := c.Servers[0], c.Servers[1], c.Servers[2]
	agent := serveAgent(t, web2, "20%")
	serveAgent(t, web3, "ready")
	kept := directorCommand(t.Context(), web1.Host, "realserver", "run", "--vip", c.VIP.String(),
		"--state-dir", filepath.Join(web1.dir, "state"), "--listen", net.JoinHostPort(web1.Addr.String(), "9481"))
	if err := kept.Start(); err != nil {
		t.Fatal(err)
	}
	c.waitOutput(kept, "listening for health checks")
	c.Start()
	c.WaitServing()
	c.waitPart(web2, 20, 20)
	c.waitPart(web3, 100, 100)
	c.waitPart(web1, 10, 100)

	const requests = 120
	served := c.ServedBy(requests, "/")
	if served["web2"] > served["web3"]*3/10 || served["web2"] < served["web3"]/10 {
		t.Errorf("of its weight it has a fifth, and served by %v", served)
	}
	say := func(text string, low, high int) {
		t.Helper()
		agent.says.Store(&text)
		c.waitPart(web2, low, high)
	}
	say("80%", 75, 85)
	if again := c.ServedBy(requests, "/"); again["web2"] < 2*served["web2"] {
		t.Errorf("it has four fifths, and served by %v, before by %v", again, served)
	}
	idle := c.openIdle(t, 15)
	say("drain # backup", 0, 0)
	if served := c.ServedBy(30, "/"); served["web2"] != 0 {
		t.Errorf("it wants nothing new, and served by %v", served)
	}
	askAll(t, "it wants nothing new", "web2", idle.byServer["web2"])
	if err := agent.server.Close(); err != nil {
		t.Fatal(err)
	}
	c.WaitStatus("it has all", func(s *api.Status) bool {
		l := serverStatus(s, web2).Load
		return l.Says == nil && l.Part == 100
	})
	if served := c.ServedBy(30, "/"); served["web2"] == 0 {
		t.Errorf("its agent is gone, and served by %v", served)
	}
	if err := kept.Stop(); err != nil {
		t.Error(err)
	}
}
