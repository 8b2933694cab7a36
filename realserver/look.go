package realserver

import (
	"errors"
	"fmt"
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
	gone := k.onPresent(k.seen)
	missing, in := k.missing(k.seen)
	switch plan := describe(missing); {
	case plan == "" && !forced:
		k.refused = refusal{}
	case plan == k.refused.plan && now.Before(k.refused.until) && !forced:
		maps.Copy(in, k.refused.problems)
	default:
		in = k.mend(now, plan)
	}
	if gone != nil {
		for _, vip := range k.options.VIPs {
			in[vip] = errors.Join(in[vip], gone)
		}
	}
	k.report(now, in)
	return in.all()
}

// onPresent has this look do without interfaces that Options name and that are
// gone, as long as another one is left: what is on that one has to be kept. The
// error names those that are gone.
func (k *Keeper) onPresent(h Host) error {
	k.usable = k.options
	links, err := h.Links()
	if err != nil {
		return nil // whoever plans will say so
	}
	gone := slices.DeleteFunc(slices.Clone(k.options.Interfaces), func(name string) bool {
		return slices.ContainsFunc(links, func(l Link) bool { return l.Name == name })
	})
	if len(gone) == 0 || len(gone) == len(k.options.Interfaces) {
		return nil
	}
	k.usable.Interfaces = slices.DeleteFunc(slices.Clone(k.options.Interfaces), func(name string) bool { return slices.Contains(gone, name) })
	return fmt.Errorf("interface %s: not found; the VIPs are kept on %s meanwhile",
		strings.Join(gone, ", "), strings.Join(k.usable.Interfaces, ", "))
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
	err := fn(k.usable)
	if err == nil {
		return in
	}
	if len(k.options.VIPs) == 1 {
		in[k.options.VIPs[0]] = err
		return in
	}
	for _, vip := range k.options.VIPs {
		o := k.usable
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
		p, err := k.apply(o)
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
	next := k.check(now, in)
	next.since(before)
	k.tellHealth(now, before.all, next.all)
	k.last.Store(next)
	if k.config.Looked != nil {
		k.config.Looked(next.all)
	}
}

// check judges the IPv4 VIPs and the IPv6 ones: what is wrong for the first says
// nothing about the second.
func (k *Keeper) check(now time.Time, in problems) *reports {
	blank := Report{Checked: now, Mended: k.mended, Fights: k.drifts.stubborn()}
	next := &reports{all: blank, vip: map[netip.Addr]Report{}}
	next.all.VIPs = k.options.VIPs
	errs := []error{in.all()}
	for _, is := range []func(netip.Addr) bool{netip.Addr.Is4, netip.Addr.Is6} {
		o := k.usable
		o.VIPs = slices.DeleteFunc(slices.Clone(o.VIPs), func(vip netip.Addr) bool { return !is(vip) })
		if len(o.VIPs) == 0 {
			continue
		}
		findings, err := Check(o, k.seen)
		errs = append(errs, err)
		for _, vip := range o.VIPs {
			r := blank
			r.VIPs = []netip.Addr{vip}
			r.Findings = about(vip, findings)
			r.judge(in[vip], err)
			next.vip[vip] = r
		}
		next.all.Findings = appendNew(next.all.Findings, findings)
	}
	next.all.judge(errs...)
	return next
}

// about leaves out what is about other VIPs.
func about(vip netip.Addr, findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.VIP.IsValid() && f.VIP != vip })
}

// appendNew appends those that are not there yet.
func appendNew(all, more []Finding) []Finding {
	for _, f := range more {
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// stopped publishes that nothing is kept any more.
func (k *Keeper) stopped() {
	before := k.last.Load()
	now := time.Now()
	next := &reports{all: before.all, vip: map[netip.Addr]Report{}}
	next.all.stop(now)
	for vip, r := range before.vip {
		r.stop(now)
		next.vip[vip] = r
	}
	k.last.Store(next)
}
