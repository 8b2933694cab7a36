package director

import (
	"net/netip"
	"slices"

	"lvsdr/config"
	"lvsdr/healthcheck/via"
)

// probed are the real servers that checks ask by their VIPs.
func probed(c *config.Config) (servers []via.Server) {
	_, pinned := realServers(c)
	for _, s := range subscriptions(c) {
		if !s.Spec.ByVIP() {
			continue
		}
		servers = append(servers, via.Server{
			Addr: s.Target.Addr, VIPs: []netip.Addr{s.Target.VIP},
			MAC: via.MAC(pinned[s.Target.Addr]), Programs: s.Spec.Kind == "exec",
		})
	}
	return servers
}

// openWays makes the ways by which probes travel.
func (d *Director) openWays() error {
	w, err := d.host.OpenWays(via.Config{Egress: d.config.Egress, Log: d.log})
	if err != nil {
		return err
	}
	d.ways = w
	servers := probed(d.config)
	if err := d.ways.Check(servers); err != nil {
		return err
	}
	d.ways.Set(servers)
	return nil
}

// lookAtWays looks again whether probes reach their servers, and logs what is new.
func (d *Director) lookAtWays() {
	problems := d.ways.Look()
	for _, p := range problems {
		if !slices.Contains(d.astray, p) {
			d.log.Warn(p.What, "why", p.Why, "remedy", p.Remedy)
		}
	}
	d.astray = problems
}
