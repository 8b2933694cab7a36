package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
)

// TestLANReplies: for what no real server answers, the director speaks in the
// VIP's name.
//
//	client ──┐
//	         ├── switch ── web1
//	director ┘
func TestLANReplies(t *testing.T) {
	t.Parallel()
	c := newCluster(t, clusterConfig{Servers: 1, Serve: serveGo, StaticARP: true, CountFrames: true})
	t.Run("echo", c.testEcho)
	t.Run("tcp", c.testRefusedTCP)
	t.Run("udp", c.testRefusedUDP)
	s := c.CheckFrames()
	for reason, want := range map[string]uint64{"echo": 4, "rst": 1, "unreachable": 1} {
		if got := verdicts(s, "reply", reason); got != want {
			t.Errorf("%d times %s, want %d", got, reason, want)
		}
	}
}

func (c *cluster) testEcho(t *testing.T) {
	var conn *icmp.PacketConn
	err := c.Client.Do(func() (err error) {
		conn, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for seq, size := range []int{0, 1, 56, 1472} {
		began := time.Now()
		reply, err := ping(conn, c.VIP, 7, seq, size)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		t.Logf("%d bytes: %v", size, time.Since(began))
		if reply.Type != ipv4.ICMPTypeEchoReply {
			t.Errorf("%d bytes: got %v", size, reply.Type)
		}
	}
}

// ping sends an echo request and returns the reply that belongs to it.
func ping(conn *icmp.PacketConn, to netip.Addr, id, seq, size int) (*icmp.Message, error) {
	echo := &icmp.Echo{ID: id, Seq: seq, Data: bytes.Repeat([]byte{byte(seq + 'a')}, size)}
	request, err := (&icmp.Message{Type: ipv4.ICMPTypeEcho, Body: echo}).Marshal(nil)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := conn.WriteTo(request, &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return nil, err
	}
	for buffer := make([]byte, 65536); ; {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return nil, err
		}
		reply, err := icmp.ParseMessage(1, buffer[:n])
		if err != nil {
			return nil, err
		}
		got, ok := reply.Body.(*icmp.Echo)
		if ok && from.String() == to.String() && got.ID == id && got.Seq == seq && bytes.Equal(got.Data, echo.Data) {
			return reply, nil
		}
	}
}

// atOnce is far below any timeout or retransmission.
const atOnce = 500 * time.Millisecond

func (c *cluster) testRefusedTCP(t *testing.T) {
	began := time.Now()
	conn, err := c.Client.Dial(context.Background(), "tcp4", netip.AddrPortFrom(c.VIP, 81).String())
	if err == nil {
		conn.Close()
	}
	if took := time.Since(began); !errors.Is(err, syscall.ECONNREFUSED) || took > atOnce {
		t.Errorf("after %v: %v, want connection refused at once", took, err)
	}
}

func (c *cluster) testRefusedUDP(t *testing.T) {
	conn, err := c.Client.Dial(context.Background(), "udp4", netip.AddrPortFrom(c.VIP, 81).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := conn.Write([]byte(strings.Repeat("x", 1000))); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	if took := time.Since(began); !errors.Is(err, syscall.ECONNREFUSED) || took > atOnce {
		t.Errorf("after %v: %v, want connection refused at once", took, err)
	}
}
