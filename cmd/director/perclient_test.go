package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// dialFrom opens a connection from one of the loopback's addresses.
func dialFrom(t *testing.T, source, address string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// refused waits for the end of a connection on which nothing was said.
func refused(conn net.Conn) bool {
	conn.SetReadDeadline(time.Now().Add(healthTimeout / 2)) // before the server loses patience
	_, err := conn.Read(make([]byte, 1))
	timeout, ok := err.(net.Error)
	return err != nil && (!ok || !timeout.Timeout())
}

// TestHealthPerClient: a client that opens as many connections as there are and says
// nothing keeps nobody else from being answered, and is itself served again
// when it lets go.
func TestHealthPerClient(t *testing.T) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	s, err := listenHealth("127.0.0.1:0", hello, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	defer s.close()
	address := s.listener.Addr().String()

	var slow []net.Conn
	for range healthConnections {
		slow = append(slow, dialFrom(t, "127.0.0.2", address))
	}
	for i, conn := range slow[healthPerClient:] {
		if !refused(conn) {
			t.Fatalf("connection %d of one client was not refused", healthPerClient+i+1)
		}
	}
	ask(t, "127.0.0.3", address)

	for _, conn := range slow {
		conn.Close()
	}
	start := time.Now()
	for !asks("127.0.0.2", address) { // the server learns of it in its own time
		if time.Since(start) > healthTimeout/2 {
			t.Fatal("not served after it let go")
		}
	}
}

// ask wants an answer well before slow clients are given up.
func ask(t *testing.T, source, address string) {
	t.Helper()
	start := time.Now()
	if !asks(source, address) || time.Since(start) > healthTimeout/2 {
		t.Errorf("%s was not served, or only after %v", source, time.Since(start))
	}
}

// asks says whether an answer comes.
func asks(source, address string) bool {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	client := http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}, Timeout: healthTimeout / 2}
	resp, err := client.Get("http://" + address)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return err == nil && string(body) == "hello"
}

// A connection that is closed twice, as net/http may, counts once.
func TestPerClientClosedTwice(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	l := newPerClientListener(inner, 2)
	var accepted []net.Conn
	for range 2 {
		dialFrom(t, "127.0.0.2", inner.Addr().String())
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, conn)
	}
	accepted[0].Close()
	accepted[0].Close()
	if client := clientOf(accepted[1]); l.open[client] != 1 {
		t.Errorf("%v has %d connections, want 1", client, l.open[client])
	}
	accepted[1].Close()
	if len(l.open) != 0 {
		t.Errorf("%v are remembered", l.open)
	}
}
