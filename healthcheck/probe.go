package healthcheck

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// probeID is what makes two subscriptions share a probe.
type probeID struct {
	spec Spec // normal
	addr netip.Addr
	vip  netip.Addr // that is asked, or told to a program; else invalid
	port uint16     // that is probed; 0 if none is
}

func (s *Subscription) id() probeID {
	id := probeID{spec: s.Spec.normal(), addr: s.Target.Addr, port: s.Target.Port}
	if id.spec.ByVIP() || id.spec.Kind == "exec" {
		id.vip = s.Target.VIP
	}
	if id.spec.Port != 0 {
		id.port, id.spec.Port = id.spec.Port, 0
	}
	if kinds[id.spec.Kind].noPort {
		id.port = 0
	}
	return id
}

// probe is one repeated check.
type probe struct {
	id      probeID
	checker Checker
	ctx     context.Context
	cancel  context.CancelFunc
	when    schedule
	first   time.Duration // delay of the first check

	// Under Monitor.mu.
	subs   []Subscription // at least one, in Set's order
	status Status
}

// build makes the probe of a subscription.
func (m *Monitor) build(id probeID, sub Subscription) (*probe, error) {
	var way Way
	if m.opts.Way != nil {
		way = m.opts.Way(sub.Spec, sub.Target)
	}
	checker, err := New(sub.Spec, sub.Target, way)
	if err != nil {
		return nil, err
	}
	m.made++
	p := &probe{id: id, checker: checker, when: newSchedule(id.spec, m.epoch, m.made)}
	p.ctx, p.cancel = context.WithCancel(m.ctx)
	if id.spec.Kind == "none" {
		r := checker.Check(p.ctx)
		p.status = Status{State: Up, Since: time.Now(), Message: r.Message}
	}
	return p, nil
}

// believe takes over a state if nothing is known, and reports whether it did.
func (p *probe) believe(s State, since time.Time) bool {
	if s == Unknown || p.status.State != Unknown {
		return false
	}
	p.status.State, p.status.Since, p.status.Believed = s, since, true
	return true
}

// run checks at every slot until the probe is cancelled. A check that outlasts
// its slot is followed at once by the next, never overlapped, and slots missed
// beyond that one are left out.
func (m *Monitor) run(p *probe) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer p.checker.Close()
	due, void := time.Now().Add(p.first), false
	for p.waitUntil(due, timer) {
		// After a standstill everybody is late. They spread as at the start.
		if time.Since(due) > standstill && !p.waitUntil(time.Now().Add(m.soon(p)), timer) {
			return
		}
		started := time.Now()
		r, stoodStill := p.check()
		ended := time.Now()
		// A failure over which the process stood still says nothing. It counts the
		// second time: a host that is so busy must not keep a server up.
		if void = !r.OK && stoodStill && !void; void {
			due = ended.Add(m.soon(p))
			continue
		}
		known, ok := m.report(p, r)
		if !ok {
			return
		}
		if due = p.when.next(&known, started, ended); due.Before(ended) {
			due = ended
		}
	}
}

// waitUntil returns false when the probe is cancelled before.
func (p *probe) waitUntil(t time.Time, timer *time.Timer) bool {
	timer.Reset(time.Until(t))
	select {
	case <-p.ctx.Done():
		return false
	case <-timer.C:
		return p.ctx.Err() == nil
	}
}

// check runs one check. The process stood still if the end of the time that the
// check had was noticed late, unlike with a check that goes on in spite of it.
func (p *probe) check() (r Result, stoodStill bool) {
	ctx, cancel := context.WithTimeout(p.ctx, p.id.spec.Timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	isLate := func() bool { return time.Since(deadline) > standstill }
	var punctual atomic.Bool
	defer context.AfterFunc(ctx, func() { punctual.Store(!isLate()) })()
	r = p.checker.Check(ctx)
	return r, isLate() && !punctual.Load()
}

// soon returns how long one of all probes waits when they are to run at once.
func (m *Monitor) soon(p *probe) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.when.soon(len(m.probes))
}

// report takes a result into the account and returns what is known with it; false
// if the probe has been stopped meanwhile.
func (m *Monitor) report(p *probe, r Result) (known Status, ok bool) {
	now := time.Now()
	m.mu.Lock()
	if m.closed || m.probes[p.id] != p {
		m.mu.Unlock()
		return Status{}, false
	}
	before := p.status
	from := before.State
	changed := p.status.observe(now, r, p.id.spec.Rise, p.id.spec.Fall)
	known, name := p.status, p.subs[0].Target.Name
	if changed || known.Weight != before.Weight || known.Weighted != before.Weighted {
		m.announce(p, from, r.Message, now)
	}
	m.mu.Unlock()
	if changed {
		m.logChange(p, name, from, known)
	}
	if known.Warning != "" && known.Warning != before.Warning {
		m.log.Warn("a real server will need care", "server", name, "check", p.checker.String(), "warning", known.Warning)
	}
	return known, true
}

func (m *Monitor) logChange(p *probe, name string, from State, s Status) {
	level := slog.LevelInfo
	if s.State == Down {
		level = slog.LevelWarn
	}
	m.log.Log(p.ctx, level, "real server is "+s.State.String(),
		"server", name, "check", p.checker.String(), "was", from.String(), "result", s.Message)
}
