package realserver

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// How long a Keeper waits before it tries again to apply what was refused.
const (
	refusalPause      = time.Second // doubles each time
	refusalPauseLimit = 15 * time.Second
)

// problems are what stands in the way of VIPs.
type problems map[netip.Addr]error

// all returns all of them as one error, each text once.
func (p problems) all() error {
	var errs []error
	said := map[string]bool{}
	for _, vip := range slices.SortedFunc(maps.Keys(p), netip.Addr.Compare) {
		if text := p[vip].Error(); !said[text] {
			said[text] = true
			errs = append(errs, p[vip])
		}
	}
	return errors.Join(errs...)
}

// refusal is a plan that could not be applied, and when to try it again.
type refusal struct {
	plan     string // "": none
	problems problems
	pause    time.Duration
	until    time.Time
}

// look finds out what is missing, applies it, and reports. Forced, it applies
// whatever was found before. It returns what stands in the way.
func (k *Keeper) look(now time.Time, forced bool) error {
	k.pending = false
	k.seen = newGlance(k.config.Host)
	missing, in := k.missing(k.seen)
	switch plan := describe(missing); {
	case plan == "" && !forced:
		k.refused = refusal{}
	case plan == k.refused.plan && now.Before(k.refused.until) && !forced:
		maps.Copy(in, k.refused.problems)
	default:
		in = k.mend(now, plan)
	}
	k.report(now, in)
	return in.all()
}

// missing plans all VIPs, or each alone where something stands in the way of one.
func (k *Keeper) missing(h Host) (steps []Step, in problems) {
	in = k.each(func(o Options) error {
		plan, err := NewPlan(o, h)
		if err == nil {
			steps = append(steps, plan.Steps...)
		}
		return err
	})
	return steps, in
}

// each calls fn with all VIPs or, when that fails, with each alone: what stands in
// the way of one does not leave the others exposed.
func (k *Keeper) each(fn func(Options) error) problems {
	in := problems{}
	err := fn(k.options)
	if err == nil {
		return in
	}
	if len(k.options.VIPs) == 1 {
		in[k.options.VIPs[0]] = err
		return in
	}
	for _, vip := range k.options.VIPs {
		o := k.options
		o.VIPs = []netip.Addr{vip}
		if err := fn(o); err != nil {
			in[vip] = err
		}
	}
	return in
}

// mend applies and looks again.
func (k *Keeper) mend(now time.Time, plan string) problems {
	var done []Step
	refused := k.each(func(o Options) error {
		p, err := Apply(o, k.config.Host)
		if err == nil {
			done = append(done, p.Steps...)
		}
		return err
	})
	k.mended += len(done)
	for _, step := range done {
		k.tellDrift(now, step)
	}
	k.seen = newGlance(k.config.Host)
	left, in := k.missing(k.seen)
	maps.Copy(in, refused)
	k.refuse(now, plan, refused)
	if len(left) > 0 && len(refused) == 0 {
		k.pending = true // somebody was faster
	}
	return in
}

// refuse notes what came of applying the plan.
func (k *Keeper) refuse(now time.Time, plan string, in problems) {
	if len(in) == 0 || plan == "" {
		k.refused = refusal{}
		return
	}
	pause := refusalPause
	if k.refused.plan == plan {
		pause = min(2*k.refused.pause, refusalPauseLimit)
	}
	k.refused = refusal{plan: plan, problems: in, pause: pause, until: now.Add(pause)}
}

// describe returns the changes of the steps as one text, to compare plans by.
func describe(steps []Step) string {
	lines := make([]string, len(steps))
	for i, s := range steps {
		lines[i] = s.Change.String()
	}
	return strings.Join(lines, "\n")
}

// report checks the host as it was seen, and publishes what was found.
func (k *Keeper) report(now time.Time, in problems) {
	k.tellEnds(now)
	before := k.last.Load()
	if before == nil {
		before = &reports{}
	}
	vips := k.options.VIPs
	next := &reports{all: k.judge(now, vips, in.all(), before.all), vip: map[netip.Addr]Report{}}
	for i, vip := range vips {
		if len(vips) == 1 {
			next.vip[vip] = next.all
			break
		}
		next.vip[vip] = k.judge(now, vips[i:i+1], in[vip], before.vip[vip])
	}
	k.tellHealth(now, before.all, next.all)
	k.last.Store(next)
	if k.config.Looked != nil {
		k.config.Looked(next.all)
	}
}

// judge makes the Report about some of the VIPs.
func (k *Keeper) judge(now time.Time, vips []netip.Addr, problem error, before Report) Report {
	o := k.options
	o.VIPs = vips
	findings, err := Check(o, k.seen)
	r := Report{Checked: now, Since: now, VIPs: vips, Mended: k.mended, Fights: k.drifts.stubborn(), Findings: findings}
	if err := errors.Join(problem, err); err != nil {
		r.Problem = err.Error()
	}
	r.Healthy = r.Problem == "" && Healthy(findings)
	if !before.Checked.IsZero() && before.Healthy == r.Healthy {
		r.Since = before.Since
	}
	return r
}

// stopped publishes that nothing is kept any more.
func (k *Keeper) stopped() {
	now := time.Now()
	next := &reports{vip: map[netip.Addr]Report{}}
	stop := func(r Report) Report {
		if r.Healthy {
			r.Since = now
		}
		r.Healthy, r.Problem, r.Checked = false, "the keeper is stopping", now
		return r
	}
	last := k.last.Load()
	next.all = stop(last.all)
	for vip, r := range last.vip {
		next.vip[vip] = stop(r)
	}
	k.last.Store(next)
}
