package healthcheck

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// listenUDP starts a server on the loopback that hands each datagram to serve,
// with what it sends back to where that came from.
func listenUDP(t *testing.T, serve func(datagram []byte, send func(string))) Target {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			serve(b[:n], func(text string) { c.WriteTo([]byte(text), from) })
		}
	})
	t.Cleanup(func() {
		c.Close()
		wg.Wait()
	})
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return Target{Addr: a.Addr(), Port: a.Port(), Name: "test"}
}

// refusedUDP is a port of the loopback that no socket has.
func refusedUDP(t *testing.T) Target {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return Target{Addr: a.Addr(), Port: a.Port()}
}

func TestUDP(t *testing.T) {
	with := func(send, expect string, timeout time.Duration) Spec {
		s := spec("udp")
		s.Send, s.Expect, s.Timeout = send, expect, timeout
		return s
	}
	long, short := 2*time.Second, 50*time.Millisecond
	echo := func(b []byte, send func(string)) { send("you said " + string(b)) }
	late := func(b []byte, send func(string)) { send("late"); send("pong") }
	mute := func([]byte, func(string)) {}
	for _, tt := range []struct {
		name   string
		spec   Spec
		target Target
		ok     bool
		want   string
	}{
		{"up", with(`ping\n`, `said ping\n`, long), listenUDP(t, echo), true, "answer as expected"},
		{"up after something else", with("ping", "pong", long), listenUDP(t, late), true, "answer as expected"},
		{"wrong answer", with("ping", "pong", short), listenUDP(t, echo), false, `answer "you said ping" does not contain "pong"`},
		{"silence, an answer is expected", with("ping", "pong", short), listenUDP(t, mute), false, "no answer within"},
		{"any answer", with("", "", long), listenUDP(t, echo), true, "answered"},
		{"silence", with("ping", "", short), listenUDP(t, mute), true, "no answer and no error"},
		{"port unreachable", with("", "", long), refusedUDP(t), false, "connection refused"},
		{"port unreachable, an answer is expected", with("x", "y", long), refusedUDP(t), false, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := check(t, tt.spec, tt.target)
			if r.OK != tt.ok || !strings.Contains(r.Message, tt.want) {
				t.Errorf("got %+v, want %v, %q", r, tt.ok, tt.want)
			}
		})
	}
}

// TestUDPStopped: a probe that was stopped has not heard a silence.
func TestUDPStopped(t *testing.T) {
	sent := make(chan struct{}, 1)
	target := listenUDP(t, func([]byte, func(string)) { sent <- struct{}{} })
	c, err := New(spec("udp"), target, Way{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-sent
		cancel()
	}()
	if r := c.Check(ctx); r.OK {
		t.Errorf("got %+v", r)
	}
}
