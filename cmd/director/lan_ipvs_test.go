package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/admin/api"
	"lvsdr/frame"
	"lvsdr/lab"
)

// TestLANOnePacket: each datagram of a client is scheduled by itself, and no
// connection is made; once one_packet is taken away all go to one server.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┼── web2
//	director ┘              └── web3
func TestLANOnePacket(t *testing.T) {
	t.Parallel()
	service := strings.Replace(udpService, "[192.0.2.21]", "[192.0.2.21, 192.0.2.22, 192.0.2.23]", 1)
	onePacket := service + "    scheduler: rr\n    one_packet: true\n"
	c := newCluster(t, clusterConfig{Serve: serveNothing, StaticARP: true, CountFrames: true, Services: onePacket})
	for _, s := range c.Servers {
		s.NameDatagrams(t, 53)
	}
	conn, err := c.Client.Dial(t.Context(), "udp4", netip.AddrPortFrom(c.VIP, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const each = 10
	count := func() map[string]int {
		t.Helper()
		served := make(map[string]int)
		for range each * len(c.Servers) {
			served[askName(t, conn)]++
		}
		return served
	}
	if served := count(); served["web1"] != each || served["web2"] != each || served["web3"] != each {
		t.Errorf("served by %v, want %d each", served, each)
	}
	for _, rs := range c.Status().Services[1].Servers {
		if rs.Active+rs.Inactive != 0 || rs.Connections != each {
			t.Errorf("%+v", rs)
		}
	}
	if conns := c.Conns("--vip 192.0.2.10:53"); len(conns) != 0 {
		t.Errorf("connections %+v", conns)
	}
	if list := c.Ipvsadm("-Ln -u 192.0.2.10:53"); !strings.Contains(list, "UDP  192.0.2.10:53 rr ops\n") {
		t.Errorf("ipvsadm -Ln:\n%s", list)
	}
	if _, err := c.Reload(strings.Replace(c.Config(), onePacket, service+"    scheduler: rr\n", 1)); err != nil {
		t.Fatal(err)
	}
	served := count()
	if len(served) != 1 {
		t.Errorf("without one_packet served by %v", served)
	}
	if conns := c.Conns("--vip 192.0.2.10:53"); len(conns) != 1 || conns[0].State != "UDP" {
		t.Errorf("connections %+v", conns)
	}
	c.CheckFrames()
	c.CheckNothingDropped()
}

// NameDatagrams answers datagrams to a port of the VIP with the server's name,
// until the test ends.
func (s *realServer) NameDatagrams(t *testing.T, port int) {
	t.Helper()
	conn, err := s.ListenPacket("udp4", fmt.Sprintf("%v:%d", s.cluster.VIP, port))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			_, from, err := conn.ReadFrom(make([]byte, 100))
			if err == nil {
				_, err = conn.WriteTo([]byte(s.Name()), from)
			}
			if err != nil {
				return
			}
		}
	}()
}

// askName sends a datagram and returns the answer.
func askName(t *testing.T, conn net.Conn) string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("who?")); err != nil {
		t.Fatal(err)
	}
	name := make([]byte, 100)
	n, err := conn.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(name[:n])
}

// TestLANRemovedServer: a real server is removed by ipvsadm under a live
// connection, and added again. With expire_nodest_conn 0 the connection waits
// for it and goes on; with 1 it is over.
//
//	client .100 ──┐              ┌── web1 .21
//	              ├── switch ────┼── web2 .22  removed, and added again
//	director .2 ──┘              └── web3 .23
func TestLANRemovedServer(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{
		Serve: serveGo, StaticARP: true, Check: "{kind: none}", Settings: "restart_grace: 0s\n",
	})
	reload := func(setting string) {
		t.Helper()
		if r, err := c.Reload(c.Config() + setting); err != nil || !r.Changed {
			t.Fatalf("%s: %+v, %v", setting, r, err)
		}
	}
	reload("ipvs: {expire_nodest_conn: 0}\n")
	open := c.openIdle(t, 3)
	waits, goesOn := open.byServer["web2"][0], open.byServer["web3"][0]
	c.Ipvsadm("-d -t 192.0.2.10:80 -r 192.0.2.22")
	answer := make(chan string, 1)
	go func() {
		name, err := waits.ask()
		answer <- fmt.Sprint(name, err)
	}()
	c.WaitStatus("a packet is dropped", func(s *api.Status) bool { return verdicts(s, "drop", "server_gone") > 0 })
	if served := c.ServedBy(4, "/"); served["web1"] != 2 || served["web3"] != 2 {
		t.Errorf("without web2, served by %v", served)
	}
	if name, err := goesOn.ask(); name != "web3" || err != nil {
		t.Errorf("the connection to web3: %s, %v", name, err)
	}
	select {
	case got := <-answer:
		t.Errorf("the connection to web2, which is removed: %s", got)
	default:
	}
	c.Ipvsadm("-a -t 192.0.2.10:80 -r 192.0.2.22")
	if got := <-answer; got != "web2<nil>" {
		t.Errorf("the connection to web2, which is back: %s", got)
	}

	reload("ipvs: {expire_nodest_conn: 1}\n")
	c.Ipvsadm("-d -t 192.0.2.10:80 -r 192.0.2.22")
	began := time.Now()
	if name, err := waits.ask(); !errors.Is(err, syscall.ECONNRESET) || time.Since(began) > atOnce {
		t.Errorf("the connection to web2, with expire_nodest_conn 1: %s, %v after %v", name, err, time.Since(began))
	}
	c.Ipvsadm("-a -t 192.0.2.10:80 -r 192.0.2.22")
	if name, err := goesOn.ask(); name != "web3" || err != nil {
		t.Errorf("the connection to web3: %s, %v", name, err)
	}
	if served := c.ServedBy(6, "/"); served["web2"] != 2 {
		t.Errorf("with all of them, served by %v", served)
	}
}

// TestLANSloppyTCP: the director loses a connection. Its next segment is
// refused, or with sloppy_tcp brings it back.
//
//	client ──┐
//	         ├── switch ── web1
//	director ┘
func TestLANSloppyTCP(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{
		Servers: 1, Serve: serveGo, StaticARP: true, CountFrames: true, Check: "{kind: none}", Settings: "restart_grace: 0s\n",
	})
	lost := func() *idleConn {
		t.Helper()
		conn := c.openIdle(t, 1).byServer["web1"][0]
		err := control(conn.Conn.(*net.TCPConn), func(fd int) error { // the last ACK, now
			return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
		})
		if err != nil {
			t.Fatal(err)
		}
		c.CheckFrames()
		c.Ipvsadm("-d -t 192.0.2.10:80 -r 192.0.2.21") // its connections expire at once
		if conns := c.Conns(""); len(conns) != 0 {
			t.Errorf("connections are left: %+v", conns)
		}
		c.Ipvsadm("-a -t 192.0.2.10:80 -r 192.0.2.21")
		return conn
	}
	if name, err := lost().ask(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that is not known: %s, %v", name, err)
	}
	if _, err := c.Reload(c.Config() + "ipvs: {sloppy_tcp: 1}\n"); err != nil {
		t.Fatal(err)
	}
	if name, err := lost().ask(); name != "web1" || err != nil {
		t.Errorf("a connection that is not known, with sloppy_tcp: %s, %v", name, err)
	}
	if conns := c.Conns("--state ESTABLISHED"); len(conns) != 1 {
		t.Errorf("with sloppy_tcp: connections %+v", conns)
	}
	if _, err := c.Reload(c.Config()); err != nil {
		t.Fatal(err)
	}
	if name, err := lost().ask(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that is not known, without sloppy_tcp again: %s, %v", name, err)
	}
}

// TestLANPortReuse: a client opens connections from the same port one after the
// other. conn_reuse_mode says whether each is scheduled anew, or goes where the
// one before it went.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┼── web2
//	director ┘              └── web3
func TestLANPortReuse(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{Serve: serveGo, StaticARP: true, Check: "{kind: none}"})
	for mode := range 4 {
		if _, err := c.Reload(c.Config() + fmt.Sprintf("ipvs: {conn_reuse_mode: %d}\n", mode)); err != nil {
			t.Fatal(err)
		}
		for i, end := range []struct {
			how, state string
			anew       bool
		}{{"reset", "CLOSE", mode != 0}, {"close", "FIN_WAIT", mode&2 != 0}} {
			port := 5000 + 10*mode + i
			visited := make(map[string]int)
			for range len(c.Servers) {
				visited[c.visit(t, port, end.how == "reset")]++
				c.waitState(t, fmt.Sprintf("--client 192.0.2.100:%d", port), end.state)
			}
			want := 1
			if end.anew {
				want = len(c.Servers)
			}
			if len(visited) != want {
				t.Errorf("mode %d, %s: the connections went to %v, want %d", mode, end.how, slices.Collect(maps.Keys(visited)), want)
			}
		}
	}
}

// waitState waits until the one connection that a filter names is in a state.
func (c *cluster) waitState(t *testing.T, filter, state string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		conns := c.Conns(filter)
		if len(conns) == 1 && conns[0].State == state {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %+v, want one in %s", filter, conns, state)
		}
	}
}

// visit makes a request from a port of the client's, which a connection may have
// just left, and returns who answers. The connection is reset in the end, or
// closed by the server first, so that the client's kernel forgets it at once.
func (c *cluster) visit(t *testing.T, port int, reset bool) string {
	t.Helper()
	dialer := &net.Dialer{
		LocalAddr: &net.TCPAddr{Port: port},
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			controlErr := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			})
			return errors.Join(err, controlErr)
		},
	}
	var conn net.Conn
	for deadline := time.Now().Add(patience); conn == nil; {
		var err error
		conn, err = c.Client.DialWith(context.Background(), dialer, "tcp4", netip.AddrPortFrom(c.VIP, 80).String())
		inUse := errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EADDRINUSE) // the last FIN is on its way
		if err != nil && (!inUse || time.Now().After(deadline)) {
			t.Fatal(err)
		}
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if reset {
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		name, err := (&idleConn{conn, bufio.NewReader(conn)}).ask()
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	_, name, _ := strings.Cut(string(answer), "\r\n\r\n")
	return strings.TrimSpace(name)
}

// sctpService has no program behind it: kernels without SCTP have none.
const sctpService = `  - {name: sctp, protocol: sctp, address: 192.0.2.10:5000, scheduler: rr, check: {kind: none}, real_servers: [192.0.2.21, 192.0.2.22, 192.0.2.23]}
`

// TestLANSCTP: packets of SCTP associations, made up since many kernels have no
// SCTP. An INIT is scheduled, the others follow it, and conns has the states that
// IPVS gives them.
//
//	client ──┐              ┌── web1
//	         ├── switch ────┼── web2
//	director ┘              └── web3
func TestLANSCTP(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{Serve: serveNothing, StaticARP: true, CountFrames: true, Services: sctpService})
	wire, forge := c.OpenWire(c.Client), newForge(c)
	var arrived []*lab.Capture
	for _, s := range c.Servers {
		mac := s.Link.MAC().String()
		arrived = append(arrived, s.Link.Capture(lab.Only(func(f lab.Frame) bool {
			_, dst := ipv4Addrs(f)
			return dst == c.VIP && f.Dst().String() == mac
		})))
	}
	send := func(port uint16, chunk uint8) (server int) {
		t.Helper()
		f := forge.ip4(frame.ProtocolSCTP, sctpPacket(port, chunk))
		wire.Send(f)
		c.CheckFrames()
		server = -1
		for i, capture := range arrived {
			for _, got := range capture.Frames() {
				if string(ipv4Packet(got)) != string(f[ethernetLen:]) {
					t.Errorf("chunk %d: another packet arrived at web%d", chunk, i+1)
				}
				if server >= 0 {
					t.Errorf("chunk %d: arrived twice", chunk)
				}
				server = i
			}
			capture.Clear()
		}
		return server
	}
	served := make(map[int]bool)
	for i := range uint16(3) {
		port := 40000 + i
		filter := fmt.Sprintf("--service sctp --client 192.0.2.100:%d", port)
		first := send(port, frame.SCTPInit)
		served[first] = true
		for _, step := range []struct {
			chunk uint8
			state string
		}{
			{frame.SCTPInit, "INIT"}, // once more, as when the answer is lost
			{frame.SCTPCookieEcho, "ESTABLISHED"},
			{frame.SCTPData, "ESTABLISHED"},
			{frame.SCTPInit, "ESTABLISHED"},
			{frame.SCTPShutdown, "S-RECEIVED"},
			{frame.SCTPShutdownComplete, "CLOSED"},
		} {
			if server := send(port, step.chunk); server != first {
				t.Errorf("chunk %d went to web%d, the first to web%d", step.chunk, server+1, first+1)
			}
			conns := c.Conns(filter)
			if len(conns) != 1 || conns[0].State != step.state || conns[0].Protocol != "sctp" ||
				conns[0].Server != fmt.Sprintf("%v:5000", c.Servers[first].Addr) {
				t.Errorf("after chunk %d: %+v, want %s", step.chunk, conns, step.state)
			}
		}
		if again := send(port, frame.SCTPInit); again == first { // of an association that is closed
			t.Errorf("a new INIT went to web%d again", again+1)
		}
		if conns := c.Conns(filter); len(conns) != 1 || conns[0].State != "INIT1" || conns[0].Expires > 4 {
			t.Errorf("after a new INIT: %+v", conns)
		}
	}
	if len(served) != len(c.Servers) || served[-1] {
		t.Errorf("the INITs went to %v", slices.Collect(maps.Keys(served)))
	}
	if server := send(50000, frame.SCTPData); server >= 0 || verdicts(c.Status(), "drop", "no_connection") != 1 {
		t.Errorf("data without an association went to web%d", server+1)
	}
	if _, err := c.Reload(c.Config() + "ipvs: {sloppy_sctp: 1}\n"); err != nil {
		t.Fatal(err)
	}
	if server := send(50000, frame.SCTPData); server < 0 {
		t.Error("data without an association went nowhere, with sloppy_sctp")
	}
	if conns := c.Conns("--service sctp --state ESTABLISHED"); len(conns) != 1 {
		t.Errorf("with sloppy_sctp: %+v", conns)
	}
}

// sctpPacket is a packet to port 5000 with one chunk.
func sctpPacket(port uint16, chunk uint8) []byte {
	b := make([]byte, frame.SCTPLen, frame.SCTPLen+20)
	binary.BigEndian.PutUint16(b, port)
	binary.BigEndian.PutUint16(b[2:], 5000)
	b = append(b, chunk, 0, 0, 20)
	b = append(b, make([]byte, 16)...)
	frame.SCTP(b).UpdateChecksum()
	return b
}
