package arpresponder

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// loop is the state of one Run: one goroutine that sleeps in Read, and nowhere
// else. The read's deadline is its timer.
type loop struct {
	*Responder
	sock    socket
	name    string
	checked time.Time // the link
	suspect bool      // a read or write said that the link is down
	down    bool      // as the machine was told last
}

func (l *loop) run(ctx context.Context) error {
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
func (l *loop) fail(operation string, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Responder.sock == nil {
		return ErrNotOpen
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// prepare collects what is to be done now and sets the deadline of the read
// that follows. Both happen under the lock under which wake ends a read, so
// that no wake is lost.
func (l *loop) prepare(ctx context.Context) ([]Action, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	actions := append(l.pending, l.machine.Tick(now)...)
	l.pending = nil
	if l.Responder.sock == nil {
		return nil, ErrNotOpen
	}
	deadline := earlier(l.machine.Next(), l.nextCheck())
	if ctx.Err() != nil {
		deadline = aLongTimeAgo
	}
	if err := l.sock.SetReadDeadline(deadline); err != nil {
		return nil, fmt.Errorf("set read deadline: %w", err)
	}
	return actions, nil
}

// nextCheck returns when the link is to be looked at.
func (l *loop) nextCheck() time.Time {
	if l.down {
		return l.checked.Add(linkCheckDown)
	}
	return l.checked.Add(linkCheck)
}

// checkLink tells the machine about the link, when it is time or when there is
// a suspicion. A link that was down and up again between two looks counts as
// having come back.
func (l *loop) checkLink(now time.Time) error {
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
		l.log.Warn("link of the VIPs' interface is down", slog.String("interface", l.name))
	case up && changed && !first:
		l.log.Info("link of the VIPs' interface is up again", slog.String("interface", l.name))
	}
	if !changed {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.machine.SetLink(now, false) // so that a short flap, too, is a link that came back
	l.pending = append(l.pending, l.machine.SetLink(now, up)...)
	return nil
}

func (l *loop) receive(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, err := Decode(b)
	if err != nil {
		l.machine.Malformed()
		return
	}
	l.pending = append(l.pending, l.machine.Receive(time.Now(), p)...)
}

// do sends and reports. The lock is not held: an Events function may call us.
func (l *loop) do(actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Send:
			l.send(&a.Packet)
		case Event:
			l.report(a)
		}
	}
}

// send never fails the loop: a frame that the kernel does not take (no buffers,
// link down) is counted, and ARP repeats itself.
func (l *loop) send(p *Packet) {
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

func (l *loop) report(e Event) {
	level := slog.LevelWarn
	if e.Kind == Claimed {
		level = slog.LevelInfo
	}
	l.log.Log(context.Background(), level, e.String(), slog.String("event", string(e.Kind)),
		slog.String("interface", l.name), slog.String("vip", e.VIP.String()), slog.String("mac", e.MAC.String()))
	if l.events != nil {
		l.events(e)
	}
}
