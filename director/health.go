package director

import (
	"time"

	"lvsdr/healthcheck"
	"lvsdr/service"
)

// startHealth starts the checks, with what was known before the restart.
func (d *Director) startHealth() {
	d.monitor = healthcheck.NewMonitor(healthcheck.Options{
		Notify: func(healthcheck.Event) { d.health.tell() },
		Way:    d.ways.Way,
		Log:    d.log,
	})
	subs := subscriptions(d.config)
	if d.saved != nil {
		for _, s := range subs {
			d.monitor.Restore(s.Key, d.saved.health(s.Key))
		}
	}
	d.enroll(nil)
	if err := d.monitor.Set(subs); err != nil {
		d.log.Error("health checks were not started", "error", err)
	}
}

// healthChanged takes over what the checks say now.
func (d *Director) healthChanged() {
	d.decide(time.Now())
	d.save()
}

// settle decides anew about all servers, and keeps what changes by it.
func (d *Director) settle(now time.Time) {
	if d.decide(now) {
		d.save()
	}
}

// decide decides anew about all servers and makes it hold, and returns whether
// something has changed that is to be saved. Servers that are gone lose their
// connections at once.
func (d *Director) decide(now time.Time) (changed bool) {
	changed = d.judge(now)
	d.refresh()
	if n := d.plane.ExpireGone(); n > 0 {
		d.log.Info("connections of servers out of service expired", "connections", n)
	}
	return changed
}

// refresh gives the schedulers the servers that are usable now.
func (d *Director) refresh() {
	for _, s := range d.table.Services() {
		s.Refresh()
	}
}

// refreshNew is refresh for the services that were not in a table.
func (d *Director) refreshNew(before *service.Table) {
	old := make(map[string]bool)
	for _, s := range before.Services() {
		old[s.Name] = true
	}
	for _, s := range d.table.Services() {
		if !old[s.Name] {
			s.Refresh()
		}
	}
}

// eachServer calls fn for all real servers, sorry servers too.
func (d *Director) eachServer(fn func(*service.Service, *service.RealServer)) {
	for _, s := range d.table.Services() {
		s.Each(func(rs *service.RealServer) { fn(s, rs) })
	}
}
