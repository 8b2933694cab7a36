package main

import (
	"net"
	"net/netip"
	"sync"
)

// perClientListener closes at once what a client opens beyond its number, so that
// one client, slow or hostile, does not use up what is there for all.
type perClientListener struct {
	net.Listener
	most int // connections of one address at once

	mu   sync.Mutex
	open map[netip.Addr]int
}

func newPerClientListener(l net.Listener, most int) *perClientListener {
	return &perClientListener{Listener: l, most: most, open: map[netip.Addr]int{}}
}

// Accept returns the next connection of a client that has not too many.
func (l *perClientListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientOf(conn)
		if l.enter(client) {
			return &clientConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		_ = conn.Close() // nobody is told
	}
}

// enter counts a connection, unless the client has its number.
func (l *perClientListener) enter(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client] >= l.most {
		return false
	}
	l.open[client]++
	return true
}

func (l *perClientListener) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}

// clientOf is the address of the other end. A link-local one is told apart by its
// zone: neighbours of two LANs may have the same.
func clientOf(conn net.Conn) netip.Addr {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{} // all that have none share one number
	}
	return remote.Addr().Unmap()
}

// clientConn is one connection that is counted.
type clientConn struct {
	net.Conn
	leave func()
}

// Close may be called more than once.
func (c *clientConn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}
