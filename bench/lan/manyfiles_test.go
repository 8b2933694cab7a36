package lan

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"lvsdr/bench/peer"
)

// hold has each server greet who connects, and keep the connection until the test
// ends.
func hold(t *testing.T, l *LAN, port int) {
	t.Helper()
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	for _, s := range l.Servers {
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
				t.Cleanup(func() { conn.Close() })
				conn.Write([]byte{1})
			}
		})
	}
}

// addWithFew starts a way while programs may have 1024 files open, as by default.
func addWithFew(t *testing.T, l *LAN, p Peer) *Way {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := syscall.Rlimit{Cur: 1024, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	w, err := l.Add(t.Context(), p)
	if err := errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return w
}

// TestLANProxyFiles: a proxy carries the 1000 connections at once that a run may
// have, each of which is two open files of its.
func TestLANProxyFiles(t *testing.T) {
	const port, connections = 80, 1000
	l := newTestLAN(t, Options{Ports: []Port{{Protocol: peer.TCP, Number: port}}})
	hold(t, l, port)
	proxies, err := Choose(Peers(), []string{"haproxy", "nginx-stream"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range proxies {
		w := addWithFew(t, l, p)
		t.Run(p.Name, func(t *testing.T) {
			for i := range connections {
				conn, err := l.Client.Dial(t.Context(), "tcp", netip.AddrPortFrom(w.Addr, port).String())
				if err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
				t.Cleanup(func() { conn.Close() })
				greet(t, conn, i)
			}
		})
	}
}

// greet waits for what the server says first.
func greet(t *testing.T, conn net.Conn, i int) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatalf("connection %d: %v", i, err)
	}
}
