package realserver

import (
	"fmt"
	"slices"
	"time"
)

// fightRemedy is what helps when somebody changes a setting again and again.
const fightRemedy = "find what sets it (sysctl.d, a network manager, a container engine, configuration management) " +
	"and have it leave that alone; `director realserver check` may name it"

// tellDrift logs a setting that was not as applied, and was put back. One that is
// changed again and again is a fight, and is told at growing intervals.
func (k *Keeper) tellDrift(now time.Time, s Step) {
	told := changed(s.Change)
	series := k.drifts.happened(told[1].(string), now)
	switch {
	case !series.tell(now):
		k.log.Debug("put back", told...)
	case series.stubborn():
		k.log.Warn("a fight: somebody changes it again and again; put back",
			append(told, "times", series.count, "since", series.first, "remedy", fightRemedy)...)
	default:
		k.log.Warn("drift; put back", told...)
	}
}

// tellEnds logs the fights that are over.
func (k *Keeper) tellEnds(now time.Time) {
	for name, s := range k.drifts.sweep(now) {
		k.log.Info("the fight is over", "setting", name, "times", s.count, "last", s.last)
	}
}

// tellHealth logs what is wrong now, or that nothing is any more, when that is
// news. Where it changes again and again, one hears of it at growing intervals.
func (k *Keeper) tellHealth(now time.Time, before, after Report) {
	wrong := after.Wrong()
	if !slices.Equal(wrong, before.Wrong()) {
		k.health.happened(now)
	}
	if slices.Equal(wrong, k.told) || !k.health.tell(now) {
		return
	}
	k.told = wrong
	if after.Healthy {
		k.log.Info("healthy again")
		return
	}
	if after.Problem != "" {
		k.log.Error("what is missing cannot be applied; trying on", "err", after.Problem)
	}
	for _, f := range after.Findings {
		if !f.OK {
			k.log.Warn("wrong", "what", f.What, "why", f.Why, "remedy", f.Remedy)
		}
	}
}

// changed returns a change as attributes of a log line.
func changed(c Change) []any {
	switch c := c.(type) {
	case *SysctlChange:
		return []any{"setting", sysctlName(c.Path), "was", c.Before, "now", c.After}
	case *AddressChange:
		return []any{"setting", fmt.Sprintf("%v on %s", c.Prefix, c.Interface), "was", "missing", "now", c.describe()}
	case *TableChange:
		was := "missing"
		if c.Before != nil {
			was = anotherTable
		}
		return []any{"setting", "nftables table " + c.After.id(), "was", was, "now", c.After.describe()}
	}
	return []any{"setting", c.Key(), "now", c.String()}
}

// tellUndone logs what was undone, if anything was.
func (k *Keeper) tellUndone(u *Undone) {
	if u == nil {
		return
	}
	for _, c := range u.Restored {
		k.log.Info("undone", "change", c.Reverse())
	}
	for _, c := range u.Kept {
		k.log.Info("kept for other VIPs", "change", c.String())
	}
}
