package healthcheck

import (
	"context"
	"net/netip"
	"time"
)

// tcpCheck succeeds when the three-way handshake does.
type tcpCheck struct {
	dial    DialFunc
	address string
}

func newTCP(_ Spec, t Target, way Way) (Checker, error) {
	return &tcpCheck{dial: way.dialer(), address: netip.AddrPortFrom(t.Addr, t.Port).String()}, nil
}

func (c *tcpCheck) Check(ctx context.Context) Result {
	start := time.Now()
	conn, err := c.dial(ctx, "tcp", c.address)
	rtt := time.Since(start)
	if err != nil {
		return Result{Message: describe(err, rtt), RTT: rtt}
	}
	conn.Close()
	return Result{OK: true, Message: "connected", RTT: rtt}
}

func (c *tcpCheck) String() string { return "tcp://" + c.address }
