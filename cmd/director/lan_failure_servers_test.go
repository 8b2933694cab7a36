package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/lab"
)

const (
	// checkBound is fall × every + timeout of checkBounded: what a dead server
	// may stay for.
	checkBounded = "{kind: http, every: 200ms, timeout: 150ms, rise: 2, fall: 3}"
	checkBound   = 750 * time.Millisecond
	// busy is what a machine that does other things may add to any time.
	busy = 500 * time.Millisecond
)

// TestLANServerDies: a real server stops in three ways. It leaves in time, its
// connections expire at once, nobody is sent to it any more, and the others'
// connections go on. When it is back it is used again.
//
//	client .100 ──┐              ┌── web1 .21  nginx
//	              ├── switch ────┼── web2 .22  nginx: its process is killed, its
//	director .2 ──┘              └── web3 .23  cable cut, or it says nothing more
func TestLANServerDies(t *testing.T) {
	c := newCluster(t, clusterConfig{Check: checkBounded, Settings: "restart_grace: 0s\n", StaticARP: true})
	victim := c.Servers[1]
	var silence *lab.Fault
	for _, way := range []struct {
		name       string
		die, serve func()
	}{
		{"its process is killed", victim.Kill, victim.Serve},
		{"its cable is cut", victim.Link.Peer.Down, victim.Link.Peer.Up},
		{"it hangs", func() { silence = victim.Link.Drop(lab.Match{}) }, func() { silence.Remove() }},
	} {
		idle := c.openIdle(t, 9)
		mark, died := c.Run.Mark(), time.Now()
		way.die()
		c.WaitLog(mark, `msg="real server is down"`)
		s := c.WaitStatus(victim.Name()+" has left", func(s *api.Status) bool { return serverStatus(s, victim).Weight == 0 })
		took := time.Since(died)
		if took > checkBound+busy {
			t.Errorf("%s: left after %v; its checks allow %v", way.name, took, checkBound)
		}
		if rs := serverStatus(s, victim); rs.Health != "down" || rs.Active+rs.Inactive != 0 {
			t.Errorf("%s: it left and is %+v", way.name, *rs)
		}
		served := c.ServedBy(200, "/")
		if served[victim.Name()] != 0 || served["web1"] < 80 || served["web3"] < 80 {
			t.Errorf("%s: served by %v", way.name, served)
		}
		idle.check(t, victim.Name())

		back := time.Now()
		way.serve()
		c.WaitServing()
		t.Logf("%s: left after %v, used again after %v", way.name, took.Round(time.Millisecond), time.Since(back).Round(time.Millisecond))
		// Not exactly a third: a client may use the ports of a connection again.
		if served := c.ServedBy(30, "/"); served[victim.Name()] < 8 {
			t.Errorf("%s: back, and served by %v", way.name, served)
		}
	}
}

// idleConns are connections that have been used and are kept open.
type idleConns struct {
	byServer map[string][]*idleConn
}

type idleConn struct {
	net.Conn
	reader *bufio.Reader
}

// openIdle opens n connections to the VIP and makes one request on each.
func (c *cluster) openIdle(t *testing.T, n int) idleConns {
	t.Helper()
	open := idleConns{make(map[string][]*idleConn)}
	for range n {
		conn, err := c.Client.Dial(t.Context(), "tcp4", net.JoinHostPort(c.VIP.String(), "80"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		i := &idleConn{conn, bufio.NewReader(conn)}
		name, err := i.ask()
		if err != nil {
			t.Fatal(err)
		}
		open.byServer[name] = append(open.byServer[name], i)
	}
	return open
}

// ask makes a request and returns who answers.
func (i *idleConn) ask() (string, error) {
	if err := i.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprint(i, "GET / HTTP/1.1\r\nHost: web\r\n\r\n"); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(i.reader, nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := bufio.NewReader(response.Body).ReadString('\n')
	return strings.TrimSpace(body), err
}

// check closes the connections. Those to the victim must have been reset, the
// others must still work.
func (open idleConns) check(t *testing.T, victim string) {
	t.Helper()
	if len(open.byServer) != 3 {
		t.Errorf("the connections went to %d servers", len(open.byServer))
	}
	for name, conns := range open.byServer {
		for _, conn := range conns {
			got, err := conn.ask()
			if name != victim && (err != nil || got != name) {
				t.Errorf("an open connection to %s: %q, %v", name, got, err)
			}
			if name == victim && err == nil {
				t.Errorf("a connection to %s, which is dead, was answered by %s", name, got)
			}
			if name == victim && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)) {
				t.Errorf("a connection to %s, which is dead, hangs", name)
			}
			conn.Close()
		}
	}
}

// TestLANAllServersDead: where no server is usable a client gets the refusal
// that the service is configured for, and at once.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┤      both stop serving, which is found
//	director .2 ──┘              └── web2 .22   out on port 80
func TestLANAllServersDead(t *testing.T) {
	const service = "  - {name: %s, address: 192.0.2.10:%d, protocol: %s, reject: %s, real_servers: [192.0.2.21, 192.0.2.22], check: {kind: tcp, port: 80, every: 200ms, timeout: 150ms}}\n"
	more := fmt.Sprintf(service+service+service, "icmp", 81, "tcp", "icmp", "drop", 82, "tcp", "drop", "udp", 83, "udp", "icmp")
	c := newCluster(t, clusterConfig{Servers: 2, Serve: serveGo, Check: checkBounded, Services: more, StaticARP: true})
	for _, s := range c.Servers {
		s.Kill()
	}
	before := c.WaitStatus("all servers down", func(s *api.Status) bool {
		for _, service := range s.Services {
			for _, rs := range service.Servers {
				if rs.Health != "down" {
					return false
				}
			}
		}
		return true
	})
	const refusals = 20
	began := time.Now()
	icmp := c.Client.SNMP("Icmp.InDestUnreachs")
	for range refusals {
		c.refused(t, "tcp4", 80, syscall.ECONNREFUSED)
		c.refused(t, "tcp4", 81, syscall.ECONNREFUSED)
		c.refused(t, "udp4", 83, syscall.ECONNREFUSED)
	}
	t.Logf("a refusal takes %v", (time.Since(began) / (3 * refusals)).Round(time.Microsecond))
	if n := c.Client.SNMP("Icmp.InDestUnreachs") - icmp; n != 2*refusals {
		t.Errorf("%d ICMP errors for %d refusals by ICMP", n, 2*refusals)
	}
	c.refused(t, "tcp4", 82, os.ErrDeadlineExceeded)
	after := c.Status()
	for _, want := range []struct {
		kind, reason string
		frames       uint64
	}{{"reply", "rst", refusals}, {"reply", "unreachable", 2 * refusals}, {"drop", "no_server", 1}} {
		if n := verdicts(after, want.kind, want.reason) - verdicts(before, want.kind, want.reason); n != want.frames {
			t.Errorf("%s %s: %d frames, want %d", want.kind, want.reason, n, want.frames)
		}
	}
	alarmed(t, after, "service web has no usable real server")

	for _, s := range c.Servers {
		s.Serve()
	}
	c.WaitServing()
	if served := c.ServedBy(10, "/"); served["web1"] < 3 || served["web2"] < 3 {
		t.Errorf("served by %v once all are back", served)
	}
}

// refused connects to a port of the VIP, and over UDP says something, and fails
// the test unless that ends as it should, at once unless that is a timeout.
func (c *cluster) refused(t *testing.T, network string, port int, want error) {
	t.Helper()
	const allowed = 200 * time.Millisecond // a SYN would be sent again after 1 s
	ctx, cancel := context.WithTimeout(t.Context(), allowed)
	defer cancel()
	conn, err := c.Client.Dial(ctx, network, net.JoinHostPort(c.VIP.String(), fmt.Sprint(port)))
	if err == nil {
		defer conn.Close()
		if err = conn.SetDeadline(time.Now().Add(allowed)); err == nil {
			if _, err = conn.Write([]byte("hello")); err == nil {
				_, err = conn.Read(make([]byte, 16))
			}
		}
	}
	if errors.Is(want, os.ErrDeadlineExceeded) && errors.Is(err, context.DeadlineExceeded) {
		return
	}
	if !errors.Is(err, want) {
		t.Errorf("%s port %d: %v, want %v", network, port, err, want)
	}
}

// alarmed fails the test unless the status has an alarm with all those texts,
// and a remedy.
func alarmed(t *testing.T, s *api.Status, texts ...string) {
	t.Helper()
	if alarm(s, texts...) == nil {
		t.Errorf("no alarm with %q in %+v", texts, s.Alarms)
	}
}

func alarm(s *api.Status, texts ...string) *api.Alarm {
next:
	for i, a := range s.Alarms {
		for _, text := range texts {
			if !strings.Contains(a.What, text) || a.Remedy == "" {
				continue next
			}
		}
		return &s.Alarms[i]
	}
	return nil
}
