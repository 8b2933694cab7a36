package tcp

import (
	"net"
	"sync"
)

// connections are those that a server has accepted and not yet done with. The zero
// value has none.
type connections struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// serve has a connection served, and closes it.
func (c *connections) serve(conn net.Conn, serve func(net.Conn)) {
	defer conn.Close()
	c.mu.Lock()
	if c.open == nil {
		c.open = make(map[net.Conn]struct{})
	}
	c.open[conn] = struct{}{}
	closed := c.closed
	c.mu.Unlock()
	if !closed {
		serve(conn)
	}
	c.mu.Lock()
	delete(c.open, conn)
	c.mu.Unlock()
}

// close closes all, also those that are yet to come.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.open {
		conn.Close()
	}
}
