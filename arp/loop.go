package arp

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// How often the link's state is looked at. A link that goes down also ends a
// read at once, but carrier loss does not, and neither does a link that comes
// back.
const (
	linkCheck     = time.Second
	linkCheckDown = 200 * time.Millisecond
)

// loop is the state of one Run: one goroutine that sleeps in Read, and nowhere
// else. The read's deadline is its timer.
type loop[E Action] struct {
	*Station[E]
	sock    Socket
	name    string
	checked time.Time // the link
	suspect bool      // a read or write said that the link is down
	down    bool      // as the machine was told last
}

func (l *loop[E]) run(ctx context.Context) error {
	buf := make([]byte, maxFrame)
	for ctx.Err() == nil {
		if err := l.checkLink(time.Now()); err != nil {
			return err
		}
		actions, err := l.prepare(ctx)
		if err != nil {
			return err
		}
		l.do(actions)
		n, err := l.sock.Read(buf)
		switch {
		case err == nil:
			l.receive(buf[:n])
		case isDown(err):
			l.suspect = true
		case !timedOut(err):
			return l.fail("read", err)
		}
	}
	return nil
}

// fail is the error to return for err, which is of no interest when Close came
// before it.
func (l *loop[E]) fail(operation string, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Station.sock == nil {
		return ErrNotOpen
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// prepare collects what is to be done now and sets the deadline of the read
// that follows. Both happen under the lock under which wake ends a read, so
// that no wake is lost.
func (l *loop[E]) prepare(ctx context.Context) ([]Action, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	actions := append(l.pending, l.machine.Tick(time.Now())...)
	l.pending = nil
	if l.Station.sock == nil {
		return nil, ErrNotOpen
	}
	deadline := Earlier(l.machine.Next(), l.nextCheck())
	if ctx.Err() != nil {
		deadline = aLongTimeAgo
	}
	if err := l.sock.SetReadDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set read deadline: %w", err)
	}
	return actions, nil
}

// nextCheck returns when the link is to be looked at.
func (l *loop[E]) nextCheck() time.Time {
	if l.down {
		return l.checked.Add(linkCheckDown)
	}
	return l.checked.Add(linkCheck)
}

// checkLink tells the machine about the link, when it is time or when there is
// a suspicion. A link that was down and up again between two looks counts as
// having come back.
func (l *loop[E]) checkLink(now time.Time) error {
	if !l.suspect && now.Before(l.nextCheck()) {
		return nil
	}
	up, err := l.sock.Up()
	if err != nil {
		return l.fail("look at the link", err)
	}
	first, changed := l.checked.IsZero(), l.suspect || l.down == up
	l.checked, l.suspect, l.down = now, false, !up
	switch {
	case !up && (first || changed):
		l.log.Warn("link is down: cannot "+l.purpose, slog.String("interface", l.name))
	case up && changed && !first:
		l.log.Info("link is up again: can "+l.purpose, slog.String("interface", l.name))
	}
	if !changed {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// First down, so that a short flap, too, is a link that came back.
	l.pending = append(l.pending, l.machine.SetLink(now, false)...)
	l.pending = append(l.pending, l.machine.SetLink(now, up)...)
	return nil
}

func (l *loop[E]) receive(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, err := Decode(b)
	if err != nil {
		l.machine.Malformed()
		return
	}
	l.pending = append(l.pending, l.machine.Receive(time.Now(), p)...)
}

// do sends and reports. The lock is not held: what is called may call us.
func (l *loop[E]) do(actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Send:
			l.send(&a.Packet)
		case E:
			l.report(a)
		}
	}
}

// send never fails the loop: a frame that the kernel does not take (no buffers,
// link down) is counted, and ARP repeats itself.
func (l *loop[E]) send(p *Packet) {
	b, err := p.Encode()
	if err == nil {
		_, err = l.sock.Write(b)
	}
	if err == nil {
		return
	}
	l.suspect = l.suspect || isDown(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sendErrors++
}
