package healthcheck

import "context"

// tcpCheck succeeds when the three-way handshake does and, if asked to, when
// what the server says contains what is expected.
type tcpCheck struct {
	dial    DialFunc
	address string
	talk    talk
}

func newTCP(s Spec, t Target, way Way) (question, error) {
	talk, err := newTalk(s)
	return &tcpCheck{dial: way.dialer(), address: t.endpoint(), talk: talk}, err
}

func (c *tcpCheck) ask(ctx context.Context) (Result, error) {
	conn, err := connect(ctx, c.dial, "tcp", c.address)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	if len(c.talk.send) > 0 {
		if _, err := conn.Write(c.talk.send); err != nil {
			return Result{}, err
		}
	}
	if len(c.talk.expect) == 0 {
		return Result{Message: "connected"}, nil
	}
	return Result{Message: "answer as expected"}, c.talk.heard(conn)
}

func (c *tcpCheck) String() string { return "tcp://" + c.address }
