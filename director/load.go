package director

import (
	"time"

	"lvsdr/admin/api"
	"lvsdr/condition"
	"lvsdr/config"
	"lvsdr/healthcheck"
)

// agentKey names the check that asks a real server of its load alone.
func agentKey(server string) string { return server + " agent" }

// declines reports whether a server asks for no new connections.
func (sc *serverCondition) declines() bool { return sc.lacks == condition.Whole }

// weigh decides which part of its weight a server has by what it says of its load, and
// returns when to ask again; zero: not at all.
func (d *Director) weigh(now time.Time, sc *serverCondition, c *config.DynamicWeight) (next time.Time) {
	if !c.On() {
		sc.load, sc.lacks = condition.Load{}, 0
		return next
	}
	said, says := d.saysOfLoad(sc, c)
	part, next := sc.load.Step(now, condition.Scale{Min: c.Min, Max: c.Max, Smoothing: c.Smoothing, Step: c.Step}, said, says)
	if lacks := condition.Whole - part; lacks != sc.lacks {
		d.log.Debug("a server has another part of its weight", "server", sc.key, "percent", part, "was", condition.Whole-sc.lacks, "asks_for", said)
		sc.lacks = lacks
	}
	return next
}

// saysOfLoad returns which part of its weight a server asks for, in percent. One whose
// agent does not answer any more says nothing: that is no sign of load.
func (d *Director) saysOfLoad(sc *serverCondition, c *config.DynamicWeight) (percent int, says bool) {
	key := sc.key
	if c.Agent.Kind != "" {
		key = agentKey(key)
	}
	status, _ := d.monitor.Status(key)
	return status.Weight, status.Weighted && status.State != healthcheck.Down
}

func (d *Director) loadStatus(sc *serverCondition, c *config.DynamicWeight) *api.ServerLoad {
	out := &api.ServerLoad{Part: condition.Whole - sc.lacks}
	if said, says := d.saysOfLoad(sc, c); says {
		out.Says = &said
	}
	return out
}
