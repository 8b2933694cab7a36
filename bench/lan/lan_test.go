package lan

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/bench"
	"lvsdr/bench/peer"
	"lvsdr/bench/peer/peertest"
	"lvsdr/lab"
)

func TestMain(m *testing.M) { peertest.Main(m) }

// newTestLAN is a LAN that is closed when the test ends.
func newTestLAN(t *testing.T, o Options) *LAN {
	t.Helper()
	lab.ForTest(t) // skips where there is no root
	path := peertest.Director(t)
	o.Program = path
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// serve has each server say its name, and whom it sees, to who connects.
func serve(t *testing.T, l *LAN, port int) {
	t.Helper()
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	for i, s := range l.Servers {
		listener, err := s.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		running.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				fmt.Fprintf(conn, "%d %v", i, conn.RemoteAddr())
				conn.Close()
			}
		})
	}
}

// ask connects once, and returns which server answered whom, from where.
func ask(t *testing.T, l *LAN, w *Way, port int) (server int, seen, local netip.Addr) {
	t.Helper()
	conn, err := l.Client.Dial(t.Context(), "tcp", netip.AddrPortFrom(w.Addr, uint16(port)).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	var address string
	if _, err := fmt.Sscan(string(text), &server, &address); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return server, netip.MustParseAddrPort(address).Addr(), conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr()
}

// TestLANWays: through each way connections reach the servers: all of them if it
// balances, the first one alone on a port of one server, and the client as itself
// but through proxies. All ways are there at once.
func TestLANWays(t *testing.T) {
	const spread, single = 80, 81
	l := newTestLAN(t, Options{Ports: []Port{
		{Protocol: peer.TCP, Number: spread}, {Protocol: peer.TCP, Number: single, OneServer: true},
	}})
	serve(t, l, spread)
	serve(t, l, single)
	for _, p := range Peers() {
		w, err := l.Add(t.Context(), p)
		if p.Name == "ipvs" && errors.Is(err, bench.ErrSkip) {
			t.Log(err)
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		t.Run(p.Name, func(t *testing.T) {
			balances := p.Name != "direct" && p.Name != "forwarder"
			got := make(map[int]int)
			for range 32 {
				server, seen, local := ask(t, l, w, spread)
				got[server]++
				if seen == local != (p.kind != proxies) {
					t.Fatalf("the server saw %v, the client is %v", seen, local)
				}
			}
			if balances && len(got) != len(l.Servers) || !balances && len(got) != 1 {
				t.Errorf("connections by server: %v", got)
			}
			for range 8 {
				if server, _, _ := ask(t, l, w, single); server != 0 {
					t.Errorf("server %d answered on the first one's port", server)
				}
			}
			checkPassed(t, w)
		})
	}
	checkOffloads(t, l)
}

// checkPassed: what went to the servers passed the way's host, and where addresses
// are translated what they replied did too.
func checkPassed(t *testing.T, w *Way) {
	t.Helper()
	if w.machine == nil {
		return
	}
	in, out := w.machine.Link.Stat("rx_packets"), w.machine.Link.Stat("tx_packets")
	const connections = 40
	// A client sends at least SYN, ACK and FIN or its ACK; a server as many.
	least := uint64(connections * 3)
	if w.kind != routes {
		least *= 2
	}
	if in < least || out < least {
		t.Errorf("%d frames in, %d out, want %d at least", in, out, least)
	}
	if w.kind == routes && out > in+in/2+20 {
		t.Errorf("%d frames in, %d out: replies pass it too", in, out)
	}
}

// checkOffloads: they are switched on all hosts, and connections still work.
func checkOffloads(t *testing.T, l *LAN) {
	t.Helper()
	for _, on := range []bool{false, true} {
		if err := l.SetOffloads(on); err != nil {
			t.Fatal(err)
		}
		for _, w := range l.ways {
			if w.machine != nil && w.machine.Link.Offload(lab.TSO) != on {
				t.Errorf("%s: TSO on: %v, want %v", w.Name, !on, on)
			}
			ask(t, l, w, 80)
		}
	}
}

// TestLANSleep: a peer that is asleep takes no connection until it is woken.
func TestLANSleep(t *testing.T) {
	l := newTestLAN(t, Options{Ports: []Port{{Protocol: peer.TCP, Number: 80}}})
	serve(t, l, 80)
	for _, p := range []Peer{Director("director spin", "poll: spin"), Peers()[1]} {
		w, err := l.Add(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, l, w, 80)
		for range 2 { // it may sleep already
			if err := w.Sleep(); err != nil {
				t.Fatal(err)
			}
		}
		again := l.Client.SNMP("Tcp.RetransSegs")
		dialed := make(chan error)
		go func() {
			conn, err := l.Client.Dial(t.Context(), "tcp", netip.AddrPortFrom(w.Addr, 80).String())
			if err == nil {
				conn.Close()
			}
			dialed <- err
		}()
		look := time.NewTicker(10 * time.Millisecond)
		for l.Client.SNMP("Tcp.RetransSegs") == again { // its SYN is not answered for a second
			select {
			case err := <-dialed:
				t.Fatalf("%s: a connection in its sleep, error %v", p.Name, err)
			case <-look.C:
			}
		}
		look.Stop()
		if err := w.Wake(); err != nil {
			t.Fatal(err)
		}
		if err := <-dialed; err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		ask(t, l, w, 80)
	}
}

// TestLANMissing: what the machine lacks is said, with the remedy, and nothing of
// it is left.
func TestLANMissing(t *testing.T) {
	temporary := t.TempDir()
	l := newTestLAN(t, Options{Ports: []Port{{Protocol: peer.UDP, Number: 80}}})
	t.Setenv("TMPDIR", temporary)
	if _, err := l.Add(t.Context(), Peers()[6]); !errors.Is(err, bench.ErrSkip) || !strings.Contains(err.Error(), "TCP only") {
		t.Errorf("HAProxy for UDP: %v", err)
	}
	l.options.Program = ""
	if _, err := l.Add(t.Context(), Director("director", "")); !errors.Is(err, bench.ErrSkip) {
		t.Errorf("a director without program: %v", err)
	}
	l.options.Program = "/bin/false"
	if _, err := l.Add(t.Context(), Director("director", "")); err == nil || errors.Is(err, bench.ErrSkip) {
		t.Errorf("a director that ends: %v", err)
	}
	if err := l.Err(); err != nil {
		t.Errorf("the LAN is no good for others: %v", err)
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

// TestLANRemove: a peer that is removed runs no more, and others go on.
func TestLANRemove(t *testing.T) {
	l := newTestLAN(t, Options{Ports: []Port{{Protocol: peer.TCP, Number: 80}}})
	serve(t, l, 80)
	var ways []*Way
	for _, poll := range []string{"block", "spin"} {
		w, err := l.Add(t.Context(), Director("director "+poll, "poll: "+poll))
		if err != nil {
			t.Fatal(err)
		}
		ways = append(ways, w)
	}
	if err := ways[1].Sleep(); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(ways[1]); err != nil {
		t.Fatal(err)
	}
	if threads, err := ways[1].Running.Threads(); len(threads) > 0 {
		t.Errorf("threads %v, error %v", threads, err)
	}
	ask(t, l, ways[0], 80)
}

// TestLANProcessors: this process keeps off the peers' processor, on which a peer
// stays, until the LAN is closed. Closing it twice is no mistake.
func TestLANProcessors(t *testing.T) {
	var before, meanwhile, after, theirs unix.CPUSet
	l := newTestLAN(t, Options{Ports: []Port{{Protocol: peer.TCP, Number: 80}}})
	serve(t, l, 80)
	if err := errors.Join(l.Close(), unix.SchedGetaffinity(0, &before)); err != nil {
		t.Fatal(err)
	}
	l = newTestLAN(t, Options{Ports: []Port{{Protocol: peer.TCP, Number: 80}}})
	serve(t, l, 80)
	if err := unix.SchedGetaffinity(0, &meanwhile); err != nil {
		t.Fatal(err)
	}
	if l.Split.Apart == meanwhile.IsSet(l.Split.Peer) {
		t.Errorf("apart %v, and yet this process may use %v", l.Split.Apart, meanwhile)
	}
	w, err := l.Add(t.Context(), Peers()[6])
	if err != nil {
		t.Fatal(err)
	}
	threads, err := w.Running.Threads()
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads %v: %v", threads, err)
	}
	for _, thread := range threads {
		if err := unix.SchedGetaffinity(thread, &theirs); err != nil {
			t.Fatal(err)
		}
		if l.Split.Apart && theirs != l.Split.Peers() {
			t.Errorf("thread %d of %s may use %v", thread, w.Name, theirs)
		}
	}
	if _, known, err := l.Idle(); known != l.Split.Apart || err != nil {
		t.Errorf("idle time is known: %v, error %v", known, err)
	}
	if err := errors.Join(l.Close(), unix.SchedGetaffinity(0, &after)); err != nil || after != before {
		t.Errorf("afterwards this process may use %v, before %v; error %v", after, before, err)
	}
}

func TestChoose(t *testing.T) {
	all := Peers()
	if got, err := Choose(all, nil); err != nil || len(got) != len(all) {
		t.Errorf("%d peers, error %v", len(got), err)
	}
	if got, err := Choose(all, []string{"haproxy", "direct"}); err != nil || len(got) != 2 || got[0].Name != "haproxy" {
		t.Errorf("%v, error %v", got, err)
	}
	if _, err := Choose(all, []string{"f5"}); err == nil || !strings.Contains(err.Error(), `peer "f5": want some of direct, forwarder, director`) {
		t.Errorf("error %v", err)
	}
}
