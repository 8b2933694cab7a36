package tcp

import (
	"time"

	"golang.org/x/sys/unix"
)

// abortEvery is how often a socket is shut down until its owner has noticed: one
// that is not yet connecting connects all the same.
const abortEvery = 10 * time.Millisecond

// abort has all calls that wait for the network fail, until end.
func (c *conn) abort() {
	again := time.NewTicker(abortEvery)
	defer again.Stop()
	for {
		c.shutdown()
		select {
		case <-c.ended:
			return
		case <-again.C:
		}
	}
}

// shutdown does so once.
func (c *conn) shutdown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		// Before and after the connection it fails, and there is nothing to end.
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR)
	}
}
