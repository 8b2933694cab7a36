package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lvsdr/lab"
)

// TestLANKilled: the director is killed by SIGKILL and started again while 200
// TCP connections exchange data. None is reset, all go on, new ones work, and
// what the killed process left is taken over. The director's kernel would
// forward or refuse, were it not for the guard, which outlives the process.
//
//	client .100 ──┐              ┌── web1 .21
//	 200 × echo   ├── switch ────┼── web2 .22  pages on port 80, echo on 7, by mh
//	director .2 ──┘              └── web3 .23
func TestLANKilled(t *testing.T) {
	const conns, messages = 200, 5
	c := layCluster(t, clusterConfig{
		Serve: serveGo, StaticARP: true,
		Services: `
  - name: echo
    address: 192.0.2.10:7
    scheduler: mh
    flags: [mh-port]
    check: {kind: http, port: 80, every: 250ms, timeout: 250ms, rise: 1}
    real_servers: [192.0.2.21, 192.0.2.22, 192.0.2.23]
`,
	})
	c.Director.SetSysctl("net.ipv4.ip_forward", "1")
	for _, s := range c.Servers {
		serveEcho(t, s.ListenVIP(7))
	}
	// Probes of a killed process may be reset: that is not the clients' traffic.
	fromVIP := c.Director.Link.Capture(lab.Only(func(f lab.Frame) bool {
		src, _ := ipv4Addrs(f)
		return f.Outgoing && src == c.VIP
	}))
	c.Start()
	c.WaitServing()
	chat := c.startChat(t, conns)
	chat.exchange(t, messages)
	before := c.Status()

	for round := range 2 {
		killed := time.Now()
		c.Kill()
		if _, err := os.Lstat(c.socket()); err != nil {
			t.Errorf("the socket went with the killed process, so that this test says little: %v", err)
		}
		checkTables(t, c.Director, "lvsdr_eth0")
		chat.waitStuck(c)
		started := time.Now()
		c.Start()
		ready := time.Since(started)
		chat.exchange(t, messages)
		t.Logf("round %d: dead for %v, ready after %v, all %d connections had gone on after %v", round,
			started.Sub(killed).Round(time.Millisecond), ready.Round(time.Millisecond), conns, time.Since(started).Round(time.Millisecond))
		checkTables(t, c.Director, "lvsdr_eth0")
	}
	c.WaitServing()
	if served := c.ServedBy(30, "/"); len(served) != 3 {
		t.Errorf("new connections are served by %v", served)
	}
	chat.exchange(t, messages)
	after := c.Status()
	for i, rs := range after.Services[1].Servers {
		if was := before.Services[1].Servers[i]; rs.Active != was.Active || rs.Active == 0 {
			t.Errorf("%s has %d active connections, and had %d", rs.Address, rs.Active, was.Active)
		}
	}
	if n := verdicts(after, "reply", "rst") + verdicts(after, "reply", "unreachable"); n != 0 {
		t.Errorf("%d frames were refused", n)
	}
	if n := len(fromVIP.Frames()); n != 0 {
		t.Errorf("%d frames left the director in the VIP's name; the first is %v", n, fromVIP.Frames()[0])
	}
	for _, name := range []string{"Ip.ForwDatagrams", "Icmp.OutMsgs"} {
		if n := c.Director.SNMP(name); n != 0 {
			t.Errorf("the director's kernel took part in the traffic: %s %d", name, n)
		}
	}
}

// serveEcho sends back what comes until the test ends.
func serveEcho(t *testing.T, l net.Listener) {
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			running.Go(func() {
				defer conn.Close()
				io.Copy(conn, conn) // ends with either end, which the client judges
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
}

// chat is many connections that each send a number, wait for it to come back,
// and send the next.
type chat struct {
	conns    []*talk
	stopping chan struct{}
	running  sync.WaitGroup
}

type talk struct {
	net.Conn
	messages atomic.Uint64 // that came back
	err      atomic.Pointer[error]
}

func (c *cluster) startChat(t *testing.T, n int) *chat {
	t.Helper()
	chat := &chat{stopping: make(chan struct{})}
	t.Cleanup(chat.stop)
	for range n {
		conn, err := c.Client.Dial(t.Context(), "tcp4", net.JoinHostPort(c.VIP.String(), "7"))
		if err != nil {
			t.Fatal(err)
		}
		talk := &talk{Conn: conn}
		chat.conns = append(chat.conns, talk)
		chat.running.Go(func() {
			if err := talk.run(chat.stopping); err != nil {
				talk.err.Store(&err)
			}
		})
	}
	return chat
}

// run talks every 20 ms until it shall stop.
func (k *talk) run(stopping <-chan struct{}) error {
	defer k.Close()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	var out, in [64]byte
	for {
		select {
		case <-stopping:
			return nil
		case <-pace.C:
		}
		n := k.messages.Load()
		binary.BigEndian.PutUint64(out[:], n)
		if err := k.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := k.Write(out[:]); err != nil {
			return err
		}
		if _, err := io.ReadFull(k, in[:]); err != nil {
			return err
		}
		if in != out {
			return fmt.Errorf("message %d came back as % x", n, in[:8])
		}
		k.messages.Add(1)
	}
}

// exchange waits until each connection has exchanged n messages more.
func (c *chat) exchange(t *testing.T, n uint64) {
	t.Helper()
	goals := make([]uint64, len(c.conns))
	for i, k := range c.conns {
		goals[i] = k.messages.Load() + n
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	broken := 0
	for i, k := range c.conns {
		for k.messages.Load() < goals[i] {
			if err := k.err.Load(); err != nil {
				t.Errorf("connection %d after %d messages: %v", i, k.messages.Load(), *err)
				broken++
				break
			}
			<-tick.C
		}
	}
	if broken > 0 {
		t.Fatalf("%d of %d connections broke", broken, len(c.conns))
	}
}

// waitStuck waits until the client has sent as many segments again as there are
// connections.
func (c *chat) waitStuck(on *cluster) {
	goal := on.Client.SNMP("Tcp.RetransSegs") + int64(len(c.conns))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for on.Client.SNMP("Tcp.RetransSegs") < goal {
		<-tick.C
	}
}

// stop ends the connections.
func (c *chat) stop() {
	select {
	case <-c.stopping:
	default:
		close(c.stopping)
	}
	c.running.Wait()
}
