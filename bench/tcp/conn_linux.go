package tcp

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// conn is a blocking socket in the network of the thread that dials, again and
// again. It belongs to one goroutine.
type conn struct {
	mu     sync.Mutex // of fd and open, as other goroutines see them
	fd     int
	open   bool
	buffer []byte
	forget func() bool   // the context
	ended  chan struct{} // closed by end
}

// newConn returns one whose calls fail soon after the context has ended. Its last
// call is end.
func newConn(ctx context.Context) *conn {
	c := &conn{buffer: make([]byte, 4096), ended: make(chan struct{})}
	c.forget = context.AfterFunc(ctx, c.abort)
	return c
}

// end closes it for good.
func (c *conn) end() {
	c.close()
	c.forget()
	close(c.ended)
}

func (c *conn) dial(to netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.fd, c.open = fd, true
	c.mu.Unlock()
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &limit); err != nil {
			return err
		}
	}
	return c.connect(&unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
}

func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open {
		unix.Close(c.fd)
		c.open = false
	}
}

// connect goes on waiting when a signal has interrupted it, as the runtime's do.
func (c *conn) connect(to unix.Sockaddr) error {
	err := unix.Connect(c.fd, to)
	for errors.Is(err, unix.EINTR) {
		events := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}
		n := 0
		if n, err = unix.Poll(events, int(patience.Milliseconds())); err == nil && n == 0 {
			return unix.ETIMEDOUT
		}
		if err == nil {
			code := 0
			if code, err = unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
				return unix.Errno(code)
			}
		}
	}
	return err
}

func (c *conn) write(data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(c.fd, data)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			data = data[n:]
		}
	}
	return nil
}

// read returns 0 at the end.
func (c *conn) read(into []byte) (int, error) {
	for {
		n, err := unix.Read(c.fd, into)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

var errAnswer = errors.New("not the answer that was expected")

// readAnswer reads one answer of status 200, which nothing may follow.
func (c *conn) readAnswer() error {
	have := 0
	for {
		n, err := c.read(c.buffer[have:])
		if err != nil {
			return err
		}
		if n == 0 {
			return errAnswer
		}
		have += n
		whole, err := answerLength(c.buffer[:have])
		switch {
		case err != nil || whole > len(c.buffer) || whole > 0 && have > whole:
			return errAnswer
		case whole > 0 && have == whole:
			return nil
		}
	}
}

// answerLength is how long an answer is with its header; 0 while that is not known.
func answerLength(data []byte) (int, error) {
	header, _, ok := bytes.Cut(data, []byte("\r\n\r\n"))
	if !ok {
		return 0, nil
	}
	if !bytes.HasPrefix(header, []byte("HTTP/1.1 200 ")) {
		return 0, errAnswer
	}
	_, rest, ok := bytes.Cut(header, []byte("\r\nContent-Length: "))
	if !ok {
		return 0, errAnswer
	}
	digits, _, _ := bytes.Cut(rest, []byte("\r\n"))
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < 0 {
		return 0, errAnswer
	}
	return len(header) + 4 + n, nil
}

// readEnd waits for the server's end of the connection.
func (c *conn) readEnd() error {
	n, err := c.read(c.buffer)
	if err == nil && n > 0 {
		return errAnswer
	}
	return err
}
