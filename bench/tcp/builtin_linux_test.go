package tcp

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// listen serves connections to a port of loopback until the test ends.
func listen(t *testing.T, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	return listener.Addr().(*net.TCPAddr).AddrPort()
}

// answer reads a request and writes something, in pieces.
func answer(conn net.Conn, pieces ...string) bool {
	request := ""
	for buffer := make([]byte, 100); !strings.HasSuffix(request, "\r\n\r\n"); {
		n, err := conn.Read(buffer)
		if err != nil {
			return false
		}
		request += string(buffer[:n])
	}
	for _, p := range pieces {
		if _, err := io.WriteString(conn, p); err != nil {
			return false
		}
	}
	return true
}

const okHeader = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"

// TestAskAnew: each request has a connection of its own, which the server ends.
func TestAskAnew(t *testing.T) {
	var mu sync.Mutex
	connections := uint64(0)
	to := listen(t, func(conn net.Conn) {
		mu.Lock()
		connections++
		mu.Unlock()
		answer(conn, okHeader[:20], okHeader[20:]+page[:3], page[3:])
	})
	l := newAskLoop(to, true)
	l.end = time.Now().Add(50 * time.Millisecond)
	o := l.run(t.Context())
	mu.Lock()
	defer mu.Unlock()
	if o.done == 0 || o.failed != 0 || connections < o.done || connections > o.done+1 {
		t.Errorf("%+v on %d connections", o, connections)
	}
}

// TestAskOpen: all requests share a connection, until it fails.
func TestAskOpen(t *testing.T) {
	var mu sync.Mutex
	connections := uint64(0)
	to := listen(t, func(conn net.Conn) {
		mu.Lock()
		connections++
		mu.Unlock()
		for range 3 {
			answer(conn, okHeader+page)
		}
	})
	l := newAskLoop(to, false)
	l.end = time.Now().Add(50 * time.Millisecond)
	o := l.run(t.Context())
	mu.Lock()
	defer mu.Unlock()
	// A connection answers three times, and fails the fourth.
	if o.done < 3 || o.failed == 0 || o.why == "" || o.failed > connections || o.done > 3*connections {
		t.Errorf("%+v on %d connections", o, connections)
	}
}

// TestAskFails: no wrong answer counts as one.
func TestAskFails(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"closed at once":    func(net.Conn) {},
		"closed in between": func(conn net.Conn) { answer(conn, okHeader+page[:3]) },
		"another status":    func(conn net.Conn) { answer(conn, strings.Replace(okHeader, "200", "502", 1)+page) },
		"more than a page":  func(conn net.Conn) { answer(conn, okHeader+page+"more") },
		"no answer": func(conn net.Conn) {
			if answer(conn) {
				io.Copy(io.Discard, conn) // until the client has gone
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, c := newAskLoop(listen(t, serve), true), newConn(t.Context())
			defer c.end()
			began := time.Now()
			if err := l.once(c); err == nil {
				t.Error("no error")
			}
			if took := time.Since(began); took > patience+5*time.Second {
				t.Errorf("after %v", took)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		l := newAskLoop(netip.MustParseAddrPort("127.0.0.1:1"), true)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if o := l.run(ctx); o != (outcome{}) {
			t.Errorf("asked after the end: %+v", o)
		}
		l.end = time.Now().Add(20 * time.Millisecond)
		if o := l.run(t.Context()); o.done != 0 || o.failed == 0 || !strings.Contains(o.why, "refused") {
			t.Errorf("%+v", o)
		}
	})
}

// TestUploadCounted: the server's number is all that was sent, and an upload of
// another number is none.
func TestUploadCounted(t *testing.T) {
	arrived := uint64(0)
	to := listen(t, countUpload)
	if err := send(t.Context(), to, func(sent uint64) bool { return sent < 10*chunk }, &arrived); err != nil || arrived != 10*chunk {
		t.Errorf("%d arrived, error %v", arrived, err)
	}
	if err := send(t.Context(), to, func(uint64) bool { return false }, &arrived); err != nil || arrived != chunk {
		t.Errorf("%d arrived, error %v", arrived, err)
	}
	less := listen(t, func(conn net.Conn) {
		io.CopyN(io.Discard, conn, chunk)
		conn.Write([]byte{0, 0, 0, 0, 0, 0, 1, 0})
	})
	if err := send(t.Context(), less, func(uint64) bool { return false }, &arrived); err == nil || !strings.Contains(err.Error(), "of 262144 bytes 256 arrived") {
		t.Errorf("error %v", err)
	}
	gone := listen(t, func(net.Conn) {})
	if err := send(t.Context(), gone, func(sent uint64) bool { return sent < 10*chunk }, &arrived); err == nil {
		t.Error("an upload to a server that has gone")
	}
}
