package director

import (
	"lvsdr/config"
	"lvsdr/healthcheck"
	"lvsdr/service"
)

// startHealth starts the checks, with what was known before the restart.
func (d *Director) startHealth() {
	d.monitor = healthcheck.NewMonitor(healthcheck.Options{
		Notify: func(healthcheck.Event) { d.health.tell() },
		Way:    d.options.Way,
		Log:    d.log,
	})
	subs := subscriptions(d.config)
	if d.saved != nil {
		for _, s := range subs {
			d.monitor.Restore(s.Key, d.saved.health(s.Key))
		}
	}
	if err := d.monitor.Set(subs); err != nil {
		d.log.Error("health checks were not started", "error", err)
	}
	d.takeHealth()
}

// healthChanged takes over what the checks say now. Servers that are gone lose
// their connections at once.
func (d *Director) healthChanged() {
	d.takeHealth()
	d.refresh()
	if n := d.plane.ExpireGone(); n > 0 {
		d.log.Info("connections of failed servers expired", "connections", n)
	}
	d.save()
}

// takeHealth sets every server's health to what its check says. One that fails
// may only have another MAC address: the resolver asks.
func (d *Director) takeHealth() {
	assumed, dead := make(map[string]bool), make(map[string]service.Health)
	for i := range d.config.Services {
		s := &d.config.Services[i]
		assumed[s.Name], dead[s.Name] = s.AssumeUp, service.Gone
		if s.OnFailure == config.FailureQuiesce {
			dead[s.Name] = service.Down
		}
	}
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		status, _ := d.monitor.Status(keyOf(rs))
		switch {
		case status.State == healthcheck.Up, status.State == healthcheck.Unknown && assumed[rs.Service()]:
			rs.SetHealth(service.Up)
		case status.State == healthcheck.Down:
			if d.resolver != nil && rs.Health() != dead[rs.Service()] {
				d.resolver.Doubt(rs.Addr)
			}
			rs.SetHealth(dead[rs.Service()])
		default:
			rs.SetHealth(service.Unknown)
		}
	})
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

func (d *Director) eachServer(fn func(*service.Service, *service.RealServer)) {
	for _, s := range d.table.Services() {
		for _, rs := range s.Servers {
			fn(s, rs)
		}
	}
}
