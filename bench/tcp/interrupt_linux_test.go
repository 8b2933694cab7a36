package tcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// silent accepts connections, and says when it has one.
func silent(t *testing.T, accepted chan<- struct{}) netip.AddrPort {
	return listen(t, func(conn net.Conn) {
		accepted <- struct{}{}
		io.Copy(io.Discard, conn) // until the client has gone
	})
}

// full returns an address to which no connection comes about: its backlog is full.
func full(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := errors.Join(unix.Bind(fd, loopback), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	bound := name.(*unix.SockaddrInet4)
	to := netip.AddrPortFrom(netip.AddrFrom4(bound.Addr), uint16(bound.Port))
	fill, err := net.Dial("tcp4", to.String()) // a backlog of 0 holds one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fill.Close() })
	return to
}

// TestInterrupted: a client that waits for a server returns when the context ends,
// not when its own patience does.
func TestInterrupted(t *testing.T) {
	ask := func(ctx context.Context, to netip.AddrPort) error {
		l, c := newAskLoop(to, true), newConn(ctx)
		defer c.end()
		return l.once(c)
	}
	upload := func(ctx context.Context, to netip.AddrPort) error {
		arrived := uint64(0)
		return send(ctx, to, func(uint64) bool { return false }, &arrived)
	}
	accepted := make(chan struct{}, 1)
	for name, c := range map[string]struct {
		load func(context.Context, netip.AddrPort) error
		to   netip.AddrPort
		wait bool // until the server has the connection
	}{
		"an answer":             {ask, silent(t, accepted), true},
		"the number of bytes":   {upload, silent(t, accepted), true},
		"a connection":          {ask, full(t), false},
		"before the connection": {ask, silent(t, make(chan struct{}, 1)), false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			began := time.Now()
			go func() { done <- c.load(ctx, c.to) }()
			if c.wait {
				<-accepted
			}
			cancel()
			if err := <-done; err == nil {
				t.Error("no error")
			}
			if took := time.Since(began); took > patience*3/4 {
				t.Errorf("after %v", took)
			}
		})
	}
}

// TestStopUploads: servers do not wait for clients that are silent, whether they have
// sent something or not.
func TestStopUploads(t *testing.T) {
	s := new(servers)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.acceptUploads(listener)
	for _, length := range []int{0, 100} {
		conn, err := net.Dial("tcp4", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// One that was served is accepted, and so are those before it.
		if _, err := conn.Write(bytes.Repeat([]byte{markMore}, length)); err != nil {
			t.Fatal(err)
		}
	}
	arrived, to := uint64(0), listener.Addr().(*net.TCPAddr).AddrPort()
	if err := send(t.Context(), to, func(uint64) bool { return false }, &arrived); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > uploadPatience*3/4 {
		t.Errorf("after %v", took)
	}
}

// TestConnectionsClosed: one that comes too late is closed at once.
func TestConnectionsClosed(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	var c connections
	c.close()
	c.serve(server, func(net.Conn) { t.Error("it is served") })
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("error %v", err)
	}
	if len(c.open) != 0 {
		t.Errorf("%d are left", len(c.open))
	}
}
