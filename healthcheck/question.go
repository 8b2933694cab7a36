package healthcheck

import (
	"context"
	"io"
	"time"
)

// question is what one kind asks. It is a Checker without what all have in
// common.
type question interface {
	// ask runs one probe. Without an error the server is well, and the Result
	// needs neither OK nor RTT.
	ask(ctx context.Context) (Result, error)
	// String says what is asked.
	String() string
}

// checker makes a Checker of a question.
type checker struct{ question }

func (c checker) Check(ctx context.Context) Result {
	start := time.Now()
	r, err := c.ask(ctx)
	rtt := time.Since(start)
	if err != nil {
		return Result{Message: describe(err, rtt), RTT: rtt}
	}
	r.OK, r.RTT = true, rtt
	return r
}

// Close drops what a question keeps between probes, if it keeps anything.
func (c checker) Close() error {
	if q, ok := c.question.(io.Closer); ok {
		return q.Close()
	}
	return nil
}
