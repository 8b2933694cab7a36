package healthcheck

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
)

// udpCheck sends a datagram. With something to expect, an answer that contains
// it is a success. Without, as with keepalived's UDP_CHECK, everything is but an
// ICMP error (RFC 1122, 4.1.3.3), so silence is: any answer ends the wait for
// one, else it takes the whole timeout.
type udpCheck struct {
	dial    DialFunc
	address string
	talk    talk
}

func newUDP(s Spec, t Target, way Way) (question, error) {
	talk, err := newTalk(s)
	return &udpCheck{dial: way.with(reportErrors(t)).dialer(), address: t.endpoint(), talk: talk}, err
}

func (c *udpCheck) ask(ctx context.Context) (Result, error) {
	conn, err := connect(ctx, c.dial, "udp", c.address)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	if _, err := conn.Write(c.talk.send); err != nil {
		return Result{}, err
	}
	if c.talk.expect != nil {
		return Result{Message: "answer as expected"}, c.listen(conn)
	}
	if _, err = conn.Read(make([]byte, 1)); err == nil {
		return Result{Message: "answered"}, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return Result{Message: "no answer and no error"}, nil
	}
	return Result{}, err
}

// listen waits for a datagram with what is expected. Others may come first: late
// answers of a server, to whoever had the port before.
func (c *udpCheck) listen(conn net.Conn) error {
	buffer := make([]byte, answerLimit)
	var other error
	for {
		n, err := conn.Read(buffer)
		switch {
		case err != nil && other != nil:
			return other
		case err != nil:
			return err
		case bytes.Contains(buffer[:n], c.talk.expect):
			return nil
		}
		other = c.talk.wrong(buffer[:n])
	}
}

func (c *udpCheck) String() string { return "udp://" + c.address }
