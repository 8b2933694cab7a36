package healthcheck

import (
	"context"
	"log/slog"
	"math/bits"
	"net/netip"
	"time"
)

// firstWithin is the time over which the first probes of new targets are
// spread.
const firstWithin = 100 * time.Millisecond

// probeID is what makes two subscriptions share a probe.
type probeID struct {
	spec Spec // normal
	addr netip.Addr
	vip  netip.Addr // that is asked, or told to a program; else invalid
	port uint16     // that is probed
}

func (s *Subscription) id() probeID {
	id := probeID{spec: s.Spec.normal(), addr: s.Target.Addr, port: s.Target.Port}
	if id.spec.ByVIP() || id.spec.Kind == "exec" {
		id.vip = s.Target.VIP
	}
	if id.spec.Port != 0 {
		id.port, id.spec.Port = id.spec.Port, 0
	}
	return id
}

// probe is one repeated check.
type probe struct {
	id      probeID
	checker Checker
	ctx     context.Context
	cancel  context.CancelFunc
	first   time.Duration // delay of the first check
	phase   time.Duration // of the slots, after the epoch

	// Under Monitor.mu.
	subs   []Subscription // at least one, in Set's order
	status Status
}

// build makes the probe of a subscription. The slots of successive probes are
// multiples of the golden ratio apart, which spreads any number of them evenly
// over `every`, whoever comes and goes.
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
	part := m.made * 0x9E3779B97F4A7C15 // 2^64 / golden ratio
	share := func(d time.Duration) time.Duration {
		high, _ := bits.Mul64(part, uint64(d))
		return time.Duration(high)
	}
	p := &probe{
		id: id, checker: checker,
		first: share(min(firstWithin, id.spec.Every)), phase: share(id.spec.Every),
	}
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
	timer := time.NewTimer(p.first)
	defer timer.Stop()
	defer p.checker.Close()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-timer.C:
		}
		started := time.Now()
		ctx, cancel := context.WithTimeout(p.ctx, p.id.spec.Timeout)
		r := p.checker.Check(ctx)
		cancel()
		if p.ctx.Err() != nil {
			return
		}
		m.report(p, r)
		timer.Reset(time.Until(m.slotAfter(p, started)))
	}
}

// slotAfter returns the first slot later than t: at most `every` later, which
// is what the bound on detection rests on.
func (m *Monitor) slotAfter(p *probe, t time.Time) time.Time {
	zero := m.epoch.Add(p.phase - p.id.spec.Every)
	return t.Add(p.id.spec.Every - t.Sub(zero)%p.id.spec.Every)
}

func (m *Monitor) report(p *probe, r Result) {
	now := time.Now()
	m.mu.Lock()
	if m.closed || m.probes[p.id] != p {
		m.mu.Unlock()
		return
	}
	before := p.status
	from := before.State
	changed := p.status.observe(now, r, p.id.spec.Rise, p.id.spec.Fall)
	status, name := p.status, p.subs[0].Target.Name
	if changed || p.status.Weight != before.Weight || p.status.Weighted != before.Weighted {
		m.announce(p, from, r.Message, now)
	}
	m.mu.Unlock()
	if changed {
		m.logChange(p, name, from, status)
	}
	if status.Warning != "" && status.Warning != before.Warning {
		m.log.Warn("a real server will need care", "server", name, "check", p.checker.String(), "warning", status.Warning)
	}
}

func (m *Monitor) logChange(p *probe, name string, from State, s Status) {
	level := slog.LevelInfo
	if s.State == Down {
		level = slog.LevelWarn
	}
	m.log.Log(p.ctx, level, "real server is "+s.State.String(),
		"server", name, "check", p.checker.String(), "was", from.String(), "result", s.Message)
}
