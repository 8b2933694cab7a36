package lab_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"lvsdr/lab"
)

// exchange sends a datagram to the echo server and reports whether an answer
// came back within the time.
func exchange(t *testing.T, conn net.Conn, wait time.Duration) bool {
	t.Helper()
	if _, err := conn.Write([]byte("x")); err != nil {
		return false
	}
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 16))
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Log(err)
	}
	return err == nil
}

const (
	soon = 5 * time.Second        // an answer is expected
	long = 150 * time.Millisecond // none is
)

func TestLANDownAndUp(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	serveEcho(t, p.server, "192.0.2.2:7")
	conn := dialUDP(t, p.client, "192.0.2.2:7")
	if !exchange(t, conn, soon) {
		t.Fatal("no answer at first")
	}
	p.serverLink.Down()
	if exchange(t, conn, long) {
		t.Error("an answer came over a link that is down")
	}
	p.serverLink.Up()
	if !exchange(t, conn, soon) {
		t.Error("no answer once the link was up again")
	}
	p.clientLink.Peer.Down()
	if exchange(t, conn, long) {
		t.Error("an answer came without a carrier")
	}
	p.clientLink.Peer.Up()
	if !exchange(t, conn, soon) {
		t.Error("no answer once the carrier was back")
	}
}

func TestLANRecreate(t *testing.T) {
	p := newPair(t)
	serveEcho(t, p.server, "0.0.0.0:7")
	conn := dialUDP(t, p.client, "192.0.2.2:7")
	if !exchange(t, conn, soon) {
		t.Fatal("no answer at first")
	}
	index, mac := p.serverLink.Index(), p.serverLink.MAC().String()
	wire := p.serverLink.Capture()

	p.serverLink.Delete()
	if p.serverLink.Index() != 0 {
		t.Error("the interface is still there")
	}
	if _, err := wire.WaitFor(t.Context(), func(lab.Frame) bool { return false }); err == nil {
		t.Error("the capture went on without the interface")
	}
	p.serverLink.Recreate(nil)
	if p.serverLink.Index() == index || p.serverLink.MAC().String() != mac {
		t.Errorf("index %d MAC %v, were %d %s", p.serverLink.Index(), p.serverLink.MAC(), index, mac)
	}
	if !exchange(t, conn, soon) {
		t.Error("no answer from the interface made anew")
	}

	other := lab.MustMAC("02:00:00:00:00:22")
	p.serverLink.Recreate(other)
	p.client.FlushNeighbors()
	if !exchange(t, conn, soon) {
		t.Error("no answer from the new MAC")
	}
	if got := p.client.Neighbor(serverAddr).String(); got != other.String() {
		t.Errorf("client sends to %s, want %v", got, other)
	}
}

func TestLANChangeMAC(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	serveEcho(t, p.server, "192.0.2.2:7")
	conn := dialUDP(t, p.client, "192.0.2.2:7")
	mac := lab.MustMAC("02:00:00:00:00:23")
	p.serverLink.SetMAC(mac)
	if !exchange(t, conn, soon) || p.client.Neighbor(serverAddr).String() != mac.String() {
		t.Errorf("neighbour %v, want %v", p.client.Neighbor(serverAddr), mac)
	}
	p.client.FlushNeighbors()
	if got := p.client.Neighbor(serverAddr); got != nil {
		t.Errorf("neighbour %v after the flush", got)
	}
	wrong := lab.MustMAC("02:00:00:00:00:99")
	p.client.SetNeighbor("eth0", serverAddr, wrong)
	p.client.FlushNeighbors()
	if exchange(t, conn, long) {
		t.Error("an answer came from a MAC that nobody has")
	}
	if got := p.client.Neighbor(serverAddr).String(); got != wrong.String() {
		t.Errorf("neighbour %s, want the permanent one", got)
	}
}

func TestLANDrop(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	serveEcho(t, p.server, "192.0.2.2:7")
	serveEcho(t, p.server, "192.0.2.2:8")
	conn, other := dialUDP(t, p.client, "192.0.2.2:7"), dialUDP(t, p.client, "192.0.2.2:8")
	if !exchange(t, conn, soon) {
		t.Fatal("no answer at first")
	}
	tests := map[string]lab.Match{
		"to peer by port":     {Direction: lab.ToPeer, Protocol: 17, DstPort: 7},
		"from peer by port":   {Direction: lab.FromPeer, Protocol: 17, SrcPort: 7},
		"by addresses":        {Src: clientAddr, Dst: serverAddr, Protocol: 17, DstPort: 7},
		"by MAC and port":     {DstMAC: p.serverLink.MAC(), SrcMAC: p.clientLink.MAC(), EtherType: 0x0800, Protocol: 17, DstPort: 7},
		"at random, a lot of": {Direction: lab.FromPeer, Protocol: 17, SrcPort: 7, Percent: 100},
	}
	for name, match := range tests {
		t.Run(name, func(t *testing.T) {
			fault := p.clientLink.Drop(match)
			if exchange(t, conn, long) {
				t.Error("an answer came")
			}
			if !exchange(t, other, soon) {
				t.Error("frames that do not match were dropped")
			}
			if fault.Frames() != 1 {
				t.Errorf("%d frames dropped, want 1", fault.Frames())
			}
			fault.Remove()
			if !exchange(t, conn, soon) {
				t.Error("no answer after Remove")
			}
		})
	}
	t.Run("every second", func(t *testing.T) {
		fault := p.clientLink.Drop(lab.Match{Direction: lab.ToPeer, Protocol: 17, DstPort: 7, Every: 2})
		defer fault.Remove()
		for n := range 6 {
			if got, want := exchange(t, conn, long), n%2 == 1; got != want {
				t.Errorf("datagram %d: answer %v, want %v", n, got, want)
			}
		}
	})
}

func TestLANDuplicate(t *testing.T) {
	tests := map[string]struct {
		direction    lab.Direction
		there, again int
	}{
		"to peer":   {lab.ToPeer, 2, 2}, // two questions have two answers
		"from peer": {lab.FromPeer, 1, 2},
		"both":      {lab.Both, 2, 4},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			serveEcho(t, p.server, "192.0.2.2:7")
			conn := dialUDP(t, p.client, "192.0.2.2:7")
			fault := p.clientLink.Duplicate(lab.Match{Direction: test.direction, Protocol: 17})
			atClient, atServer := p.clientLink.Capture(), p.serverLink.Capture()
			if _, err := conn.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			for n := range test.again {
				_ = conn.SetReadDeadline(time.Now().Add(soon))
				if _, err := conn.Read(make([]byte, 16)); err != nil {
					t.Fatalf("answer %d: %v", n, err)
				}
			}
			// What comes after shows that nothing else does.
			fault.Remove()
			if !exchange(t, conn, soon) {
				t.Fatal("no answer after Remove")
			}
			count := func(c *lab.Capture) int {
				return c.Count(func(f lab.Frame) bool { return isUDP(f) && !f.Outgoing })
			}
			if got := count(atServer); got != test.there+1 {
				t.Errorf("the server got %d, want %d and the last", got, test.there)
			}
			if got := count(atClient); got != test.again+1 {
				t.Errorf("the client got %d, want %d and the last", got, test.again)
			}
		})
	}
}

func TestLANIsolated(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	serveEcho(t, p.server, "192.0.2.2:7")
	conn := dialUDP(t, p.client, "192.0.2.2:7")
	if !exchange(t, conn, soon) {
		t.Fatal("no answer at first")
	}
	p.clientLink.Peer.SetIsolated(true)
	p.serverLink.Peer.SetIsolated(true)
	if exchange(t, conn, long) {
		t.Error("isolated ports reach each other")
	}
	p.serverLink.Peer.SetIsolated(false)
	if !exchange(t, conn, soon) {
		t.Error("a port that is not isolated is not reached")
	}
}

func TestLANHub(t *testing.T) {
	p := newPair(t)
	third := p.Connect(p.Host("third"), p.lan)
	serveEcho(t, p.server, "192.0.2.2:7")
	conn := dialUDP(t, p.client, "192.0.2.2:7")
	overheard := third.Capture()
	for range 2 {
		if !exchange(t, conn, soon) {
			t.Fatal("no answer")
		}
	}
	if n := overheard.Count(isUDP); n != 0 {
		t.Errorf("a third port got %d frames from the switch", n)
	}
	p.lan.Hub()
	if !exchange(t, conn, soon) {
		t.Fatal("no answer over the hub")
	}
	if n := overheard.Count(isUDP); n != 2 {
		t.Errorf("a third port got %d frames from the hub, want 2", n)
	}
	if port := p.lan.Port(p.clientLink.MAC()); port != "" {
		t.Errorf("the hub learned port %s", port)
	}
}
