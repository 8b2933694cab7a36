package tcp

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"lvsdr/lab"
)

// builtIn is the client for machines that have no other: a thread for each
// connection, with blocking sockets.
type builtIn struct{ from *lab.Host }

func (b *builtIn) name() string { return "built-in" }

// patience is how long a connection, or an answer, may take until it has failed.
const patience = 5 * time.Second

func (b *builtIn) ask(ctx context.Context, to netip.AddrPort, connections int, length time.Duration, anew bool) (outcome, error) {
	l := newAskLoop(to, anew)
	l.end = time.Now().Add(length)
	outcomes, errs := make([]outcome, connections), make([]error, connections)
	var running sync.WaitGroup
	for i := range connections {
		running.Go(func() {
			errs[i] = b.from.Do(func() error {
				outcomes[i] = l.run(ctx)
				return nil
			})
		})
	}
	running.Wait()
	all := outcome{time: length}
	for _, o := range outcomes {
		all.done += o.done
		all.failed += o.failed
		all.why = cmp.Or(all.why, o.why)
	}
	if ctx.Err() != nil {
		return all, context.Cause(ctx)
	}
	return all, errors.Join(errs...)
}

// askLoop asks on one connection after the other, until the end.
type askLoop struct {
	to      netip.AddrPort
	request []byte
	anew    bool
	end     time.Time
}

func newAskLoop(to netip.AddrPort, anew bool) *askLoop {
	request := "GET / HTTP/1.1\r\nHost: " + to.Addr().String() + "\r\n"
	if anew {
		request += "Connection: close\r\n"
	}
	return &askLoop{to: to, request: []byte(request + "\r\n"), anew: anew}
}

func (l *askLoop) run(ctx context.Context) (o outcome) {
	c := newConn(ctx)
	defer c.end()
	for ctx.Err() == nil && time.Now().Before(l.end) {
		err := l.once(c)
		switch {
		case err != nil:
			o.failed++
			o.why = cmp.Or(o.why, err.Error())
		case time.Now().Before(l.end):
			o.done++
		}
		if err != nil || l.anew {
			c.close()
		}
	}
	return o
}

// once asks once, on the connection if it is there.
func (l *askLoop) once(c *conn) error {
	if !c.open {
		if err := c.dial(l.to); err != nil {
			return err
		}
	}
	if err := c.write(l.request); err != nil {
		return err
	}
	if err := c.readAnswer(); err != nil || !l.anew {
		return err
	}
	return c.readEnd()
}

// An upload is chunks, of which the last one is marked: proxies need not know of
// connections that one side has ended.
const (
	chunk    = 256 << 10
	markMore = 0 // the first byte of a chunk
	markLast = 1
)

// upload sends until the time is over, and hears from the server how much arrived.
func (b *builtIn) upload(ctx context.Context, to netip.Addr, length time.Duration) (o outcome, err error) {
	began := time.Now()
	err = b.from.Do(func() error {
		return send(ctx, netip.AddrPortFrom(to, uploadPort), func(uint64) bool { return ctx.Err() == nil && time.Since(began) < length }, &o.done)
	})
	o.time = time.Since(began)
	if ctx.Err() != nil {
		return o, context.Cause(ctx)
	}
	if err != nil {
		return failure(err.Error(), o.time), nil
	}
	return o, nil
}

// send uploads chunks as long as more says so of the bytes that were sent, and sets
// arrived, which is all of it or an error.
func send(ctx context.Context, to netip.AddrPort, more func(sent uint64) bool, arrived *uint64) error {
	c := newConn(ctx)
	defer c.end()
	if err := c.dial(to); err != nil {
		return err
	}
	data, sent := make([]byte, chunk), uint64(0)
	for data[0] == markMore {
		if sent += chunk; !more(sent) {
			data[0] = markLast
		}
		if err := c.write(data); err != nil {
			return err
		}
	}
	for have := 0; have < 8; {
		n, err := c.read(c.buffer[have:8])
		if err != nil {
			return err
		}
		if n == 0 {
			return errAnswer
		}
		have += n
	}
	*arrived = binary.BigEndian.Uint64(c.buffer[:])
	if *arrived != sent {
		return fmt.Errorf("of %d bytes %d arrived", sent, *arrived)
	}
	return nil
}
