package director

import (
	"fmt"
	"time"

	"lvsdr/admin/api"
	"lvsdr/config"
)

// reload makes what the file says what runs, or changes nothing. What was
// changed at run time stays where the file says what it said before.
func (d *Director) reload() (api.Reload, error) {
	file, err := d.options.Load()
	if err != nil {
		return api.Reload{}, err
	}
	merged, dropped := config.Merge(d.file, d.config, file)
	next := d.keepFixed(merged)
	changed := !next.Equal(d.config)
	if changed {
		if err := d.checkHost(next); err != nil {
			return api.Reload{}, err
		}
		if err := d.apply(next); err != nil {
			return api.Reload{}, fmt.Errorf("reload: %w", err)
		}
		d.loaded = time.Now()
	}
	d.config = next // what makes no difference now may make one for changes to come
	for _, what := range dropped {
		d.log.Warn("the file says otherwise than a change made at run time, which is dropped", "dropped", what)
	}
	changed = changed || !file.Equal(d.file)
	d.file, d.pending = file, d.config.NeedRestart(file)
	return api.Reload{Changed: changed, NeedRestart: d.pending}, nil
}

// keepFixed returns next with the values that only a restart can change.
func (d *Director) keepFixed(next *config.Config) *config.Config {
	merged := *next
	now := d.config
	merged.Ingress, merged.Egress, merged.MAC, merged.RouterID = now.Ingress, now.Egress, now.MAC, now.RouterID
	merged.Workers, merged.Connections, merged.Poll = now.Workers, now.Connections, now.Poll
	merged.Conflict, merged.StateDir, merged.RestartGrace = now.Conflict, now.StateDir, now.RestartGrace
	merged.Rules = now.Rules
	return &merged
}

// apply makes next what runs. What can fail comes first: the guard, which can
// be undone, after the checks, which are only looked at; a table, once built,
// has already taken servers away.
func (d *Director) apply(next *config.Config) error {
	checks := subscriptions(next)
	if err := d.monitor.Validate(checks); err != nil {
		return err
	}
	probed := probed(next)
	if err := d.ways.Check(probed); err != nil {
		return err
	}
	if err := d.updateGuard(d.config, next); err != nil {
		return err
	}
	table, err := d.registry.Build(d.weighed(definitions(next)), owned(next), time.Now())
	if err != nil {
		if again := d.updateGuard(next, d.config); again != nil {
			d.log.Error("the guard could not be put back", "error", again)
		}
		return err
	}
	before := d.table
	d.config, d.table, d.vipNames = next, table, nameVIPs(d.vipNames, table)
	d.ledger.follow(before, table)
	d.enroll(before)
	d.ways.Set(probed)
	if err := d.monitor.Set(checks); err != nil { // only a closed monitor refuses what is valid
		d.log.Error("health checks were not changed", "error", err)
	}
	d.plane.SetSettings(settings(next))
	d.takeMACs()
	d.takeMTUs()
	d.judge(time.Now())
	// A service that is new must know its servers before the workers know it;
	// in one that they use, they must know a server before a scheduler picks it.
	d.refreshNew(before)
	d.plane.SetTable(table)
	d.refresh()
	d.setAddresses()
	d.save()
	return nil
}
